import { BadRequest } from '../../../base/index.ts';
import type { PodmanOptions } from '../../../libpod/index.ts';

type Secret = NonNullable<PodmanOptions['Secrets']>[number];

const WRONG = 'parsing secret';

/** `--secret name[,type=mount|env][,target=…][,uid=…][,gid=…][,mode=…]` @throws BadRequest in Podman's words */
export function parseSecrets(values: readonly string[]): Secret[] {
  return values.map((text) => {
    const words = text.split(',');
    const secret: Partial<Secret> = {};
    if (!words[0]!.includes('=')) secret.Source = words.shift()!;
    for (const word of words) takeWord(secret, word);
    if (!secret.Source) throw new BadRequest(`no source found ${text}: ${WRONG}`);
    const type = secret.Type ?? 'mount';
    if (type === 'env' && (secret.Uid ?? secret.Gid ?? secret.Mode) !== undefined)
      throw new BadRequest(`UID, GID, Mode options cannot be set with secret type env: ${WRONG}`);
    return { ...secret, Source: secret.Source, Type: type };
  });
}

function takeWord(secret: Partial<Secret>, word: string): void {
  const equals = word.indexOf('=');
  if (equals < 0) throw new BadRequest(`option ${word} must be in form option=value: ${WRONG}`);
  const name = word.slice(0, equals);
  const value = word.slice(equals + 1);
  const number = (label: string, digits: RegExp, base: number) => {
    if (!digits.test(value)) throw new BadRequest(`${label} ${value} invalid: ${WRONG}`);
    return Number.parseInt(value, base);
  };
  switch (name) {
    case 'source':
      secret.Source = value;
      return;
    case 'type':
      if (secret.Type !== undefined) throw new BadRequest(`cannot set more than one secret type: ${WRONG}`);
      if (value !== 'mount' && value !== 'env') throw new BadRequest(`type ${value} is invalid: ${WRONG}`);
      secret.Type = value;
      return;
    case 'target':
      secret.Target = value;
      return;
    case 'mode':
      secret.Mode = number('mode', /^[0-7]+$/, 8);
      return;
    case 'uid':
    case 'UID':
      secret.Uid = number('UID', /^\d+$/, 10);
      return;
    case 'gid':
    case 'GID':
      secret.Gid = number('GID', /^\d+$/, 10);
      return;
    default:
      throw new BadRequest(`option ${word} invalid: ${WRONG}`);
  }
}
