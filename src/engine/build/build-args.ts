import { hostArchitecture } from '../images/media-types.ts';

/** May be given, and are set in RUN, without being declared; they change no cache (Dockerfile reference, "Predefined ARGs"). */
export const PREDEFINED_ARGS = new Set(
  ['http_proxy', 'https_proxy', 'ftp_proxy', 'no_proxy', 'all_proxy'].flatMap((name) => [
    name,
    name.toUpperCase(),
  ]),
);

export interface Platform {
  os: string;
  architecture: string;
  variant?: string;
}

/** What is not asked for is this host's. */
export function platformOf(asked: Partial<Platform> | undefined): Platform {
  return {
    os: asked?.os ?? 'linux',
    architecture: asked?.architecture ?? hostArchitecture(),
    ...(asked?.variant && { variant: asked.variant }),
  };
}

export function parsePlatform(text: string): Partial<Platform> {
  const [os, architecture, variant] = text.split('/');
  return { ...(os && { os }), ...(architecture && { architecture }), ...(variant && { variant }) };
}

/** What BuildKit calls the automatic platform ARGs. */
export function platformArgs(target: Platform): Map<string, string> {
  const args = new Map<string, string>();
  const add = (prefix: string, { os, architecture, variant }: Platform) => {
    args.set(`${prefix}PLATFORM`, [os, architecture, ...(variant ? [variant] : [])].join('/'));
    args.set(`${prefix}OS`, os);
    args.set(`${prefix}ARCH`, architecture);
    args.set(`${prefix}VARIANT`, variant ?? '');
  };
  add('TARGET', target);
  add('BUILD', platformOf(undefined));
  return args;
}

/** The build arguments of the caller, and which of them nothing asked for. */
export class GivenArgs {
  readonly #given: Readonly<Record<string, string>>;
  readonly #automatic: ReadonlyMap<string, string>;
  readonly #used = new Set<string>();

  constructor(given: Readonly<Record<string, string>>, target: Platform) {
    this.#given = given;
    this.#automatic = platformArgs(target);
  }

  /** The value of an ARG that is being declared. */
  valueOf(name: string): string | undefined {
    this.#used.add(name);
    return Object.hasOwn(this.#given, name) ? this.#given[name] : this.#automatic.get(name);
  }

  predefined(): [string, string][] {
    return Object.entries(this.#given).filter(([name]) => PREDEFINED_ARGS.has(name));
  }

  unused(): string[] {
    return Object.keys(this.#given).filter(
      (name) => !this.#used.has(name) && !PREDEFINED_ARGS.has(name) && name !== 'SOURCE_DATE_EPOCH',
    );
  }
}
