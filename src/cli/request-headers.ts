import { resolve } from 'node:path';
import { BadRequest } from '../base/index.ts';

/** kube-apiserver's --requestheader-* flags: a front proxy before the API server that says for whom a request is. */
export interface RequestHeaderFlags {
  requestheaderClientCaFile?: string;
  requestheaderAllowedNames?: string;
  requestheaderUsernameHeaders?: string;
  requestheaderUidHeaders?: string;
  requestheaderGroupHeaders?: string;
  requestheaderExtraHeadersPrefix?: string;
}

export interface RequestHeaderOptions {
  /** Absolute path. */
  clientCaFile: string;
  allowedNames: readonly string[];
  usernameHeaders: readonly string[];
  uidHeaders: readonly string[];
  groupHeaders: readonly string[];
  extraHeaderPrefixes: readonly string[];
}

/** The name of each flag, what it is without being given, and for whom it is. */
const LISTS = {
  requestheaderAllowedNames: ['--requestheader-allowed-names', ''],
  requestheaderUsernameHeaders: ['--requestheader-username-headers', 'X-Remote-User'],
  requestheaderUidHeaders: ['--requestheader-uid-headers', 'X-Remote-Uid'],
  requestheaderGroupHeaders: ['--requestheader-group-headers', 'X-Remote-Group'],
  requestheaderExtraHeadersPrefix: ['--requestheader-extra-headers-prefix', 'X-Remote-Extra-'],
} as const;

const CA_FLAG = '--requestheader-client-ca-file';

/** @throws BadRequest naming the flag. */
export function resolveRequestHeaders(
  flags: RequestHeaderFlags,
  env: Readonly<Record<string, string | undefined>>,
): { requestHeaders?: RequestHeaderOptions } {
  const caFile = flags.requestheaderClientCaFile ?? env.ORRERY_REQUESTHEADER_CLIENT_CA_FILE;
  if (caFile === undefined) {
    for (const [key, [flag]] of Object.entries(LISTS))
      if (flags[key as keyof typeof LISTS] !== undefined) throw new BadRequest(`${flag} needs ${CA_FLAG}`);
    return {};
  }
  const list = (key: keyof typeof LISTS) => listOf(LISTS[key][0], flags[key] ?? LISTS[key][1]);
  return {
    requestHeaders: {
      clientCaFile: resolve(caFile),
      allowedNames: list('requestheaderAllowedNames'),
      usernameHeaders: list('requestheaderUsernameHeaders'),
      uidHeaders: list('requestheaderUidHeaders'),
      groupHeaders: list('requestheaderGroupHeaders'),
      extraHeaderPrefixes: list('requestheaderExtraHeadersPrefix'),
    },
  };
}

/** The flags that say the same. */
export function requestHeaderArguments(options: RequestHeaderOptions | undefined): string[] {
  if (options === undefined) return [];
  return [
    ...[CA_FLAG, options.clientCaFile],
    ...['--requestheader-allowed-names', options.allowedNames.join(',')],
    ...['--requestheader-username-headers', options.usernameHeaders.join(',')],
    ...['--requestheader-uid-headers', options.uidHeaders.join(',')],
    ...['--requestheader-group-headers', options.groupHeaders.join(',')],
    ...['--requestheader-extra-headers-prefix', options.extraHeaderPrefixes.join(',')],
  ];
}

function listOf(flag: string, text: string): string[] {
  if (text.trim() === '') return [];
  const parts = text.split(',').map((part) => part.trim());
  if (parts.includes('')) throw new BadRequest(`${flag} ${JSON.stringify(text)} has an empty name`);
  return parts;
}
