import type { ApiRequest } from './messages.ts';

/**
 * The values of a header that may be repeated, a value a line. A comma is part of a value: groups of directories are
 * called `CN=ops,OU=x`, and somebody could call his `mine, system:masters`. Only a request that came by no wire has its
 * lines joined.
 *
 * @param name in lower case
 */
export function linesOf(request: Pick<ApiRequest, 'headers' | 'headerLines'>, name: string): string[] {
  const { headerLines, headers } = request;
  const values: string[] = [];
  if (headerLines === undefined) values.push(...(headers?.[name] ?? '').split(','));
  else
    for (let index = 0; index < headerLines.length; index += 2)
      if (headerLines[index]!.toLowerCase() === name) values.push(headerLines[index + 1]!);
  return values.map((value) => value.trim()).filter((value) => value !== '');
}
