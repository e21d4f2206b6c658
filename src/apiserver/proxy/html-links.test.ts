import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LinkRewriter } from './html-links.ts';

const rewrite = (link: string) => (link.startsWith('/') ? `/proxy${link}` : link);

function rewritten(...pieces: string[]): string {
  const rewriter = new LinkRewriter(rewrite);
  return pieces.map((piece) => rewriter.push(piece)).join('') + rewriter.end();
}

test.each([
  ['<a href="/x">', '<a href="/proxy/x">'],
  ["<A class=b HREF='/x'>", '<A class=b HREF="/proxy/x">'],
  ['<a href=/x>', '<a href="/proxy/x">'],
  ['<a href="x">', '<a href="x">'],
  ['<form data-to="/y" action="/x">', '<form data-to="/y" action="/proxy/x">'],
  ['<p href="/x">', '<p href="/x">'],
  ['<a title=\'see href="/x"\' href="/y">', '<a title=\'see href="/x"\' href="/proxy/y">'],
  ['<a title="1 > 0" href="/y">', '<a title="1 > 0" href="/proxy/y">'],
  ['<!-- <a href="/x"> --><a href="/y">', '<!-- <a href="/x"> --><a href="/proxy/y">'],
  [
    '<script>if (1 < 2) "<a href=/x>"</script><a href="/y">',
    '<script>if (1 < 2) "<a href=/x>"</script><a href="/proxy/y">',
  ],
  ['1 < 2 <a href="/x', '1 < 2 <a href="/x'],
])('%s', (page, expected) => {
  expect(rewritten(page)).toBe(expected);
});

test('a page comes out the same however it is cut', () => {
  const page =
    '<html><!-- <a href="/0"> --><a href="/1">one</a><script src="/2">"<a href=/3>"</script><img src=/4>';
  const whole = rewritten(page);
  fc.assert(
    fc.property(fc.array(fc.nat(page.length), { maxLength: 6 }), (cuts) => {
      const places = [0, ...cuts.toSorted((a, b) => a - b), page.length];
      const pieces = places.slice(1).map((end, index) => page.slice(places[index], end));
      expect(rewritten(...pieces)).toBe(whole);
    }),
  );
});
