// A strict, real authorization server (npm oidc-provider) for the tests. It holds no product code.
//
// Switches, all from the environment:
//   PORT           port on 127.0.0.1; 0 or unset takes a free one
//   ISS            issuer; unset is http://127.0.0.1:<port>
//   CB             comma separated redirect URIs of the clients below
//   ROTATE         0 keeps the refresh token, anything else makes a new one at every refresh (default)
//   RT_ALWAYS      1 gives a refresh token without offline_access
//   AT_TTL         seconds an access token lives (default 5)
//   PKCE           0 makes PKCE optional (default: required)
//   PAR            1 refuses authorization requests that were not pushed
//   DPOP_NONCE     1 demands a nonce in every DPoP proof
//   RESOURCE       the one resource that tokens may be for; unset leaves resource indicators off
//   COOP           value of Cross-Origin-Opener-Policy on every page
//   END_WITH_STDIN 1 ends the process when its input closes, so that it never outlives its test
//
// Clients with fixed names: basic, post, public and dpop (secrets are "<name>-secret"); any other kind,
// private_key_jwt among them, comes from dynamic registration. The sign-in page takes any name and password.
//
// Output: one JSON object a line. The first is {"event":"ready","port":…,"issuer":…}; the others are the events
// that a test counts: grant.success, grant.error, grant.revoked, refresh_token.consumed, server_error.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';

// Node resolves a bare module name beside the importing file, and node_modules lies elsewhere.
const library = new URL('../../tools/node_modules/oidc-provider/lib/index.js', import.meta.url);
const { default: Provider, errors } = await import(library);

const env = process.env;
// At every start it warns that the sign-in pages and the store are for development, which is what they are here.
console.warn = () => {};
const say = (event, detail = {}) => process.stdout.write(`${JSON.stringify({ event, ...detail })}\n`);
const jwk = (type, options, extra) => ({
  ...generateKeyPairSync(type, options).privateKey.export({ format: 'jwk' }),
  use: 'sig',
  ...extra,
});

function client(name, method, extra = {}) {
  return {
    client_id: name,
    ...(method === 'none' ? {} : { client_secret: `${name}-secret` }),
    token_endpoint_auth_method: method,
    redirect_uris: (env.CB ?? 'https://hub.test/oauth/callback').split(',').map((uri) => uri.trim()),
    response_types: ['code'],
    grant_types: [
      'authorization_code',
      'refresh_token',
      ...(method === 'none' ? [] : ['client_credentials', 'urn:ietf:params:oauth:grant-type:device_code']),
    ],
    ...extra,
  };
}

function configuration() {
  const accessTokenSeconds = Number(env.AT_TTL ?? 5);
  return {
    // The default of 15 s would let a token of 5 s work for 20 s.
    clockTolerance: 0,
    clients: [
      client('basic', 'client_secret_basic'),
      client('post', 'client_secret_post'),
      client('public', 'none'),
      client('dpop', 'client_secret_basic', { dpop_bound_access_tokens: true }),
    ],
    jwks: {
      keys: [
        jwk('rsa', { modulusLength: 2048 }, { kid: 'rsa', alg: 'RS256' }),
        jwk('ec', { namedCurve: 'P-256' }, { kid: 'ec', alg: 'ES256' }),
      ],
    },
    cookies: { keys: [randomBytes(32).toString('hex')] },
    scopes: ['openid', 'offline_access', 'read', 'write'],
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'preferred_username'] },
    findAccount: (_ctx, sub) => ({
      accountId: sub,
      claims: () => ({
        sub,
        name: sub,
        preferred_username: sub,
        email: `${sub}@idp.test`,
        email_verified: !sub.startsWith('unverified'),
      }),
    }),
    features: {
      devInteractions: { enabled: true },
      revocation: { enabled: true },
      introspection: { enabled: true },
      clientCredentials: { enabled: true },
      deviceFlow: { enabled: true },
      registration: { enabled: true },
      resourceIndicators: {
        enabled: Boolean(env.RESOURCE),
        getResourceServerInfo(_ctx, resource) {
          if (resource !== env.RESOURCE) throw new errors.InvalidTarget();
          return { scope: 'read write', accessTokenFormat: 'opaque', accessTokenTTL: accessTokenSeconds };
        },
        useGrantedResource: () => true,
      },
      registrationManagement: { enabled: true },
      pushedAuthorizationRequests: { enabled: true, requirePushedAuthorizationRequests: env.PAR === '1' },
      dPoP: {
        enabled: true,
        nonceSecret: randomBytes(32),
        requireNonce: () => env.DPOP_NONCE === '1',
      },
    },
    pkce: { required: () => env.PKCE !== '0' },
    // By default only public clients rotate, and others past 70 % of the lifetime.
    rotateRefreshToken: env.ROTATE !== '0',
    // By default a refresh token needs offline_access, and that needs prompt=consent.
    issueRefreshToken: (_ctx, holder, source) =>
      holder.grantTypeAllowed('refresh_token') &&
      (env.RT_ALWAYS === '1' || source.scopes.has('offline_access')),
    expiresWithSession: () => false,
    ttl: {
      AccessToken: accessTokenSeconds,
      ClientCredentials: accessTokenSeconds,
      AuthorizationCode: 60,
      RefreshToken: 3600,
      DeviceCode: 600,
      IdToken: 3600,
      Interaction: 3600,
      Grant: 86400,
      Session: 86400,
    },
  };
}

function provide(issuer) {
  const provider = new Provider(issuer, configuration());
  // The HTTPS front of the browser tests says which scheme and host the browser asked for.
  provider.proxy = true;
  provider.use(async (ctx, next) => {
    await next();
    // Browsers ask for one by themselves, and a test that minds errors on the console would see the 404.
    if (ctx.path === '/favicon.ico') ctx.status = 204;
    if (env.COOP) ctx.set('Cross-Origin-Opener-Policy', env.COOP);
    // The built-in pages load a font from another host, which no test may reach.
    if (typeof ctx.body === 'string') ctx.body = ctx.body.replace(/@import url\([^)]*\);?/g, '');
  });
  const grantType = (ctx) => ({ grantType: ctx.oidc?.params?.grant_type, client: ctx.oidc?.client?.clientId });
  provider.on('grant.success', (ctx) => say('grant.success', grantType(ctx)));
  provider.on('grant.error', (ctx, error) => say('grant.error', { ...grantType(ctx), error: error.error }));
  provider.on('grant.revoked', (_ctx, grantId) => say('grant.revoked', { grantId }));
  provider.on('refresh_token.consumed', (token) =>
    say('refresh_token.consumed', { grantId: token.grantId, client: token.clientId }),
  );
  provider.on('server_error', (_ctx, error) => say('server_error', { message: error.message }));
  return provider.callback();
}

let answer = (_request, response) => response.writeHead(503).end();
const server = createServer((request, response) => answer(request, response));
server.on('error', (error) => {
  say('failed', { message: error.message });
  process.exit(1);
});
server.listen(Number(env.PORT ?? 0), '127.0.0.1', () => {
  const { port } = server.address();
  const issuer = env.ISS || `http://127.0.0.1:${port}`;
  answer = provide(issuer);
  say('ready', { port, issuer });
});

if (env.END_WITH_STDIN === '1') process.stdin.on('end', () => process.exit(0)).resume();
