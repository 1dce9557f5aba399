// Draws `providers/icons/*.svg` from simple-icons. Run by hand, for a new definition or a newer version of that package:
//
//   cd "$(mktemp -d)" && npm pack simple-icons@16.37.0 && tar xzf simple-icons-*.tgz
//   node <repository>/tests/tools/icons.mjs package
//
// An icon is that of the very product that a definition is about, or of its company where a definition is about all of
// it. What the package has taken out at the wish of a brand stays out, and so does what it gives under other terms
// than its own. `providers/icons/LICENSE.md` says where all this comes from.

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

// Definitions whose icon has their name, but for hyphens.
const SAME = `
  airtable anthropic apple arcgis asana atlassian auth0 authentik autodesk baidu basecamp baserow bitbucket bitly box
  brandfetch brevo buffer bungie calendly campaign-monitor clickup clockify cloudflare coda coinbase
  confluence crunchbase dailymotion datadog deepl deviantart digitalocean discogs discord disqus dribbble dropbox
  dynatrace ebay elevenlabs epic-games etsy facebook figma fitbit flickr formstack genius ghost gitea gitee github
  gitlab gmail google google-analytics google-bigquery google-calendar google-chat google-cloud-storage google-docs
  google-drive google-forms google-gemini google-meet google-search-console google-sheets google-slides google-tasks
  grafana gumroad gusto hubspot huggingface imgur instagram intercom jira kakao kick lichess line linear mailchimp
  mailgun mastodon mattermost meetup metabase miro mixpanel mural musicbrainz myob n8n naver netlify nextcloud notion
  odnoklassniki odoo okta openstreetmap orcid osu paddle pagerduty patreon paypal perplexity philips-hue pinterest
  postman pushbullet qq quickbooks reddit roblox sage sentry shopify shortcut snapchat snowflake soundcloud spotify
  square stackexchange strava streamlabs stripe supabase surveymonkey telegram threads tiktok todoist toggl trakt
  trello tumblr twitch typeform uber unsplash untappd vercel vimeo virus-total vk webflow wechat woocommerce xero yelp
  youtube zendesk zoho zoom`;

// Definitions whose icon has another name. One that extends another needs no line to share its icon.
const OTHERS = {
  "42-school": "42",
  battlenet: "battledotnet",
  "canvas-lms": "canvas",
  "confluence-data-center": "confluence",
  "databricks-workspace": "databricks",
  "github-app": "github",
  "helpscout-mailbox": "helpscout",
  "jira-data-center": "jira",
  "linear-mcp": "linear",
  mailru: "maildotru",
  mediawiki: "wikimediafoundation",
  "meta-marketing-api": "meta",
  "notion-mcp": "notion",
  startgg: "startdotgg",
  twitter: "x",
  weibo: "sinaweibo",
};

// Colours that are lighter than this against white become the tile, with a black mark on it.
const LEAST_CONTRAST = 2;

const [source] = process.argv.slice(2);
const read = (path) => readFileSync(join(source, path), "utf8");
const folder = resolve(import.meta.dirname, "../../providers/icons");

const { version } = JSON.parse(read("package.json"));
if (!readFileSync(join(folder, "LICENSE.md"), "utf8").includes(`simple-icons ${version} `)) {
  throw new Error(`LICENSE.md names another version than ${version}`);
}
const known = JSON.parse(read("data/simple-icons.json"));
const bySlug = new Map(known.map((icon) => [icon.slug ?? icon.title.toLowerCase(), icon]));

function contrastWithWhite(hex) {
  const [r, g, b] = hex.match(/../g).map((pair) => {
    const part = Number.parseInt(pair, 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 1.05 / (0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05);
}

function svg(icon, path) {
  const colour = `#${icon.hex.toLowerCase()}`;
  const light = contrastWithWhite(icon.hex) < LEAST_CONTRAST;
  const [tile, mark] = light ? [colour, "#000000"] : ["#ffffff", colour];
  // The mark stands on a tile of its own, so that it can be seen on any page; the edge is for pages like the tile.
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 36 36">` +
    `<rect x=".5" y=".5" width="35" height="35" rx="6.5" fill="${tile}" stroke="#000" stroke-opacity=".12"/>` +
    `<path transform="translate(6 6)" fill="${mark}" d="${path}"/></svg>\n`
  );
}

const wanted = new Map(SAME.trim().split(/\s+/).map((slug) => [slug, slug.replaceAll("-", "")]));
for (const [slug, name] of Object.entries(OTHERS)) wanted.set(slug, name);

mkdirSync(folder, { recursive: true });
for (const file of readdirSync(folder)) {
  if (file.endsWith(".svg")) rmSync(join(folder, file));
}
for (const [slug, name] of wanted) {
  const icon = bySlug.get(name);
  if (!icon) throw new Error(`simple-icons ${version} has no \`${name}\``);
  if (icon.license && icon.license.type !== "CC0-1.0") throw new Error(`\`${name}\` is ${icon.license.type}`);
  const drawn = /^<svg [^>]*viewBox="0 0 24 24"[^>]*>(?:<title>[^<]*<\/title>)?<path d="([^"]+)"\/><\/svg>\s*$/;
  const [, path] = read(`icons/${name}.svg`).match(drawn) ?? [];
  if (!path) throw new Error(`\`${name}\` is more than one path`);
  writeFileSync(join(folder, `${slug}.svg`), svg(icon, path));
}
console.log(`${wanted.size} icons of simple-icons ${version}`);
