// Verifies deliveries with the published libraries: {secret, cases: [{name, headers, body}]} in, verdicts out.

import { text } from "node:stream/consumers";
import { Webhook } from "standardwebhooks";
import { Webhook as SvixWebhook } from "svix";

function verdict(webhook, { headers, body }) {
  try {
    webhook.verify(Buffer.from(body, "base64").toString("utf8"), headers);
  } catch (refusal) {
    return `refused: ${refusal.message}`;
  }
  return "genuine";
}

const { secret, cases } = JSON.parse(await text(process.stdin));
const libraries = { standardwebhooks: new Webhook(secret), svix: new SvixWebhook(secret) };
const verdicts = Object.entries(libraries).map(([name, webhook]) => [
  name,
  Object.fromEntries(cases.map((one) => [one.name, verdict(webhook, one)])),
]);
process.stdout.write(JSON.stringify(Object.fromEntries(verdicts)));
