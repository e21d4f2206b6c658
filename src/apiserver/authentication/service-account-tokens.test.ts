import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from 'vitest';
import { ManualClock } from '../../base/index.ts';
import { ServiceAccountTokens } from './service-account-tokens.ts';
import { TokenKey } from './token-key.ts';
import { TokenSubjects } from './token-subjects.ts';
import { VerifiedTokens } from './verified-tokens.ts';

const clock = new ManualClock();
/** Every account is there, with this metadata. */
const metadata: Record<string, unknown> = { name: 'robot', uid: 'u' };
const subjects = new TokenSubjects({ find: async () => ({ metadata }) as never }, clock);

function tokensOf(): ServiceAccountTokens {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const key = new TokenKey(privateKey.export({ type: 'pkcs8', format: 'pem' }) as string);
  return new ServiceAccountTokens({ key, verified: new VerifiedTokens(key), subjects, clock });
}

const tokens = tokensOf();
const ours = tokens.audiences;
const issue = async (from: ServiceAccountTokens, expirationSeconds = 600) =>
  (
    await from.issue(
      { workspace: 'root', namespace: 'default', name: 'robot', uid: 'u' },
      { audiences: from.audiences, expirationSeconds },
    )
  ).token;

test('a token is good until its end, also when it was seen before', async () => {
  const token = await issue(tokens);
  expect(await tokens.review(token, ours)).toMatchObject({ audiences: ours });
  await clock.advance(599_000);
  expect(await tokens.review(token, ours)).toBeDefined();
  await clock.advance(1_000);
  expect(await tokens.review(token, ours)).toBeUndefined();
});

test('a token of another key, or one that was changed, is nobody', async () => {
  expect(await tokens.review(await issue(tokensOf()), ours)).toBeUndefined();
  const token = await issue(tokens);
  expect(await tokens.review(token, ours)).toBeDefined();
  const [header, payload, signature] = token.split('.') as [string, string, string];
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
  claims['kubernetes.io'].serviceaccount.name = 'admin';
  const forged = Buffer.from(JSON.stringify(claims)).toString('base64url');
  expect(await tokens.review(`${header}.${forged}.${signature}`, ours)).toBeUndefined();
  const none = Buffer.from(JSON.stringify({ alg: 'none' })).toString('base64url');
  expect(await tokens.review(`${none}.${forged}.`, ours)).toBeUndefined();
  for (const text of ['', 'a', 'a.b.c', '..']) expect(await tokens.review(text, ours)).toBeUndefined();
});

test('a token outlives the beginning of its account’s deletion by a minute', async () => {
  const token = await issue(tokens);
  metadata.deletionTimestamp = new Date(clock.now()).toISOString();
  await clock.advance(59_000);
  expect(await tokens.review(token, ours)).toBeDefined();
  await clock.advance(1_000);
  expect(await tokens.review(token, ours)).toBeUndefined();
  delete metadata.deletionTimestamp;
});
