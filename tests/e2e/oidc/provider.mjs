// The OpenID provider of the end-to-end tests: npm's oidc-provider with the device flow, rotating refresh tokens
// (one that is used twice ends the login), opaque access tokens, revocation and introspection, all in memory.
//
//   node provider.mjs NODE_MODULES '{"alg": "RS256", "ttl": {"AccessToken": 60}}'
//
// It listens on a free loopback port, prints one JSON object a line ({"event": "ready", …}, then every request it
// answered), takes new settings as JSON lines on standard input, and ends when that closes. Settings:
//   alg        how id tokens are signed: RS256, PS256, ES256 or EdDSA
//   ttl        seconds that a token lives, by oidc-provider's own names (AccessToken, DeviceCode, RefreshToken, …)
//   interval   seconds between polls that the device authorization answer asks for; without one it names none
//   email      whether id tokens have an e-mail in them
//   spoil      changes the id token it hands out, so that it must be refused: signature, key, audience, issuer,
//              expiry, none; `late` is one that expired within the minute of leeway
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { createPrivateKey, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { pathToFileURL } from 'node:url';
import { join } from 'node:path';

const [modules, given = '{}'] = process.argv.slice(2);
const library = pathToFileURL(join(modules, 'oidc-provider', 'lib', 'index.js'));
const { Provider } = await import(library);

const settings = { alg: 'RS256', ttl: {}, interval: null, email: true, spoil: null };
const lifetimes = { AccessToken: 600, DeviceCode: 600, IdToken: 600, RefreshToken: 86400, Grant: 86400, Session: 600, Interaction: 600 };

function configure({ ttl = {}, ...rest }) {
  Object.assign(settings, rest);
  Object.assign(lifetimes, ttl);
}

function say(object) {
  process.stdout.write(`${JSON.stringify(object)}\n`);
}

configure(JSON.parse(given));

// The keys go through PEM: exporting a generated key object as JWK can deadlock in Node 20, where the garbage collector
// may destroy the generating job, which waits for the lock that the export holds.
function generate(type, options) {
  const privateKeyEncoding = { type: 'pkcs8', format: 'pem' };
  const publicKeyEncoding = { type: 'spki', format: 'pem' };
  return createPrivateKey(generateKeyPairSync(type, { ...options, privateKeyEncoding, publicKeyEncoding }).privateKey);
}
const keys = {
  rsa: generate('rsa', { modulusLength: 2048 }),
  ec: generate('ec', { namedCurve: 'P-256' }),
  ed: generate('ed25519'),
  stranger: generate('rsa', { modulusLength: 2048 }),
};
const jwk = (kid) => ({ ...keys[kid].export({ format: 'jwk' }), kid, use: 'sig' });

const introspector = { id: 'control-plane', secret: randomBytes(24).toString('hex') };
const server = createServer();
await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
const issuer = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: 'llamactl-cli',
      client_name: 'llamactl',
      token_endpoint_auth_method: 'none',
      grant_types: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'],
      response_types: [],
      redirect_uris: [],
      id_token_signed_response_alg: settings.alg,
    },
    {
      client_id: introspector.id,
      client_secret: introspector.secret,
      grant_types: ['client_credentials'],
      response_types: [],
      redirect_uris: [],
    },
  ],
  jwks: { keys: [jwk('rsa'), jwk('ec'), jwk('ed')] },
  cookies: { keys: [randomBytes(24).toString('hex')] },
  scopes: ['openid', 'profile', 'email', 'offline_access'],
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'preferred_username'] },
  conformIdTokenClaims: false, // the tool reads who it is from the id token, not from userinfo
  features: {
    deviceFlow: { enabled: true, charset: 'base-20', mask: '****-****' },
    introspection: { enabled: true },
    revocation: {
      enabled: true, // by the tool for its own tokens, and by the control plane for anybody's
      allowedPolicy: (ctx, client, token) => [token.clientId, introspector.id].includes(client.clientId),
    },
    clientCredentials: { enabled: true },
  },
  rotateRefreshToken: true,
  expiresWithSession: () => false,
  issueRefreshToken: (ctx, client) => client.grantTypeAllowed('refresh_token'),
  ttl: Object.fromEntries(Object.keys(lifetimes).map((name) => [name, () => lifetimes[name]])),
  async findAccount(ctx, id) {
    return {
      accountId: id,
      async claims() {
        const address = settings.email ? { email: `${id}@example.com`, email_verified: true } : {};
        return { sub: id, name: id, preferred_username: id, ...address };
      },
    };
  },
});

// What a broken or hostile provider would hand out: the same claims, wrong in one way.
function spoiled(idToken, how) {
  const claims = JSON.parse(Buffer.from(idToken.split('.')[1], 'base64url'));
  const header = { alg: 'RS256', typ: 'JWT', kid: 'rsa' };
  let key = keys.rsa;
  if (how === 'signature') key = keys.stranger;
  if (how === 'key') { key = keys.stranger; header.kid = 'stranger'; }
  if (how === 'audience') claims.aud = 'somebody-else';
  if (how === 'issuer') claims.iss = 'https://issuer.invalid';
  if (how === 'expiry') claims.exp = Math.floor(Date.now() / 1000) - 3600;
  if (how === 'late') claims.exp = Math.floor(Date.now() / 1000) - 50;
  if (how === 'none') header.alg = 'none';
  const encode = (part) => Buffer.from(JSON.stringify(part)).toString('base64url');
  const text = `${encode(header)}.${encode(claims)}`;
  const signature = how === 'none' ? '' : sign('sha256', Buffer.from(text), key).toString('base64url');
  return `${text}.${signature}`;
}

provider.use(async (ctx, next) => {
  await next();
  const answer = ctx.body;
  if (ctx.oidc?.route === 'device_authorization' && ctx.status === 200 && settings.interval) {
    answer.interval = settings.interval;
  }
  if (ctx.oidc?.route === 'token' && answer?.id_token && settings.spoil) {
    answer.id_token = spoiled(answer.id_token, settings.spoil);
  }
  const parameters = ctx.oidc?.params ?? {};
  const event = { event: 'request', method: ctx.method, path: ctx.path, route: ctx.oidc?.route, status: ctx.status };
  for (const name of ['grant_type', 'client_id', 'scope', 'token_type_hint']) {
    if (parameters[name] !== undefined) event[name] = parameters[name];
  }
  if (answer?.error) event.error = answer.error;
  for (const name of ['access_token', 'refresh_token', 'id_token']) {
    if (answer?.[name]) event[name] = answer[name];
  }
  say(event);
});
provider.on('server_error', (ctx, error) => { process.stderr.write(`${error.stack}\n`); });

createInterface({ input: process.stdin })
  .on('line', (line) => { configure(JSON.parse(line)); say({ event: 'configured' }); })
  .on('close', () => process.exit(0));
server.on('request', provider.callback());
say({ event: 'ready', issuer, introspector });
