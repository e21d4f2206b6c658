import { BadRequest } from '../../base/index.ts';
import type { PullOptions } from '../../engine/index.ts';

/** `linux/arm64/v8` */
export function platformOption(text: string | undefined): Pick<PullOptions, 'platform'> {
  if (text === undefined) return {};
  const [os, architecture, variant, ...more] = text.split('/');
  if (!os || more.length > 0) throw new BadRequest(`"${text}": unknown operating system or architecture`);
  return { platform: { os, ...(architecture && { architecture }), ...(variant && { variant }) } };
}
