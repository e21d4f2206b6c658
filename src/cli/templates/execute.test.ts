import { expect, test } from 'vitest';
import { executeTemplate } from './execute.ts';
import { TEMPLATE_FUNCTION_NAMES } from './functions.ts';
import { parseTemplate } from './parser.ts';
import { GoNil, goStruct, NIL_SLICE } from './values.ts';

const ROW = goStruct('main.Row', {
  ID: 'abc',
  Names: ['n1', 'n2'],
  Labels: { b: '2', a: '1' },
  State: goStruct('main.State', {
    ...{ Status: 'running', Running: true, Pid: 42 },
    Health: new GoNil('pointer', '*main.State'),
  }),
  Nil: NIL_SLICE,
});

function run(text: string): string {
  let output = '';
  executeTemplate(parseTemplate('ps', text, TEMPLATE_FUNCTION_NAMES), ROW, (piece) => {
    output += piece;
  });
  return output;
}

// All answers are those of Go's own text/template.
test.each([
  ['{{.ID}}', 'abc'],
  ['x{{- .ID -}} y', 'xabcy'],
  ['{{.Labels}} {{.Labels.a}} {{.Labels.z}}|{{index .Labels "z"}}|', 'map[a:1 b:2] 1 <no value>||'],
  ['{{.Names}} {{index .Names 1}}', '[n1 n2] n2'],
  ['{{range $i, $e := .Names}}{{$i}}={{$e}} {{end}}', '0=n1 1=n2 '],
  ['{{range .Nil}}a{{else}}none{{end}}', 'none'],
  ['{{range .Names}}{{if eq . "n2"}}{{break}}{{end}}{{.}}{{end}}', 'n1'],
  ['{{if not .State.Running}}up{{else if .ID}}id{{else}}no{{end}}', 'id'],
  ['{{with $x := .State}}{{$x.Pid}}{{end}}', '42'],
  ['{{$x := 1}}{{$x}}{{$x = 2}}{{$x}}', '12'],
  ['{{.State}} {{.Nil}}', '{running true 42 <nil>} []'],
  [
    '{{json .}}',
    '{"ID":"abc","Names":["n1","n2"],"Labels":{"a":"1","b":"2"},"State":{"Status":"running","Running":true,"Pid":42,"Health":null},"Nil":null}',
  ],
  ['{{printf "%-5s|%5d|%05d|%q|%v|%x" .ID 42 42 .ID .Names .ID}}', 'abc  |   42|00042|"abc"|[n1 n2]|616263'],
  ['{{printf "%s" 1 2}}', '%!s(int=1)%!(EXTRA int=2)'],
  ['{{and .ID .Nil}}|{{or .Nil .ID}}|{{not .Nil}}', '[]|abc|true'],
  ['{{len .Names}} {{len .ID}} {{slice .ID 1}} {{slice .Names 0 1}}', '2 3 bc [n1]'],
  ['{{html "<a&"}} {{js "a\'b<"}} {{urlquery "a b/ü!"}}', "&lt;a&amp; a\\'b\\u003C a+b%2F%C3%BC%21"],
  ['{{print 1 2 "a" "b" 3}}', '1 2a b3'.replace('a b', 'ab')],
  [
    '{{join .Names ","}} {{split "a,b" ","}} {{upper .ID}} {{title "hello wOrld"}}',
    'n1,n2 [a b] ABC Hello WOrld',
  ],
  ['{{define "T"}}[{{.}}]{{end}}{{template "T" .ID}}{{block "B" .State}}{{.Pid}}{{end}}', '[abc]42'],
  ['{{"a\\tb"}} {{`raw\\n`}} {{\'a\'}} {{0x1F}} {{1.50}} {{1e3}}', 'a\tb raw\\n 97 31 1.5 1000'],
  ['{{.ID | printf "%s-%s" "a"}} {{(index .Names 0)}} {{$.State.Pid}}', 'a-abc n1 42'],
])('%s gives %s', (text, expected) => {
  expect(run(text)).toBe(expected);
});

test.each([
  ['{{.Foo}}', `1:2: executing "ps" at <.Foo>: can't evaluate field Foo in type main.Row`],
  ['a\n{{.State.Foo}}', `2:8: executing "ps" at <.State.Foo>: can't evaluate field Foo in type main.State`],
  [
    '{{.State.Health.Status}}',
    '1:8: executing "ps" at <.State.Health.Status>: nil pointer evaluating *main.State.Status',
  ],
  [
    '{{index .Names 5}}',
    '1:2: executing "ps" at <index .Names 5>: error calling index: index out of range: 5',
  ],
  [
    '{{eq .Names .Names}}',
    '1:2: executing "ps" at <eq .Names .Names>: error calling eq: non-comparable type [n1 n2]: []string',
  ],
  ['{{join .ID ","}}', '1:7: executing "ps" at <.ID>: wrong type for value; expected []string; got string'],
  ['{{.ID', '1: unclosed action'],
  ['{{if}}', '1: missing value for if'],
  ['{{if .ID}}', '1: unexpected EOF'],
  ['{{.ID | nofunc}}', '1: function "nofunc" not defined'],
  ['{{$x}}', '1: undefined variable "$x"'],
  ['{{.I-D}}', "1: bad character U+002D '-'"],
  ['{{"unterminated}}', '1: unterminated quoted string'],
  ['{{end}}', '1: unexpected {{end}}'],
  ['{{1 | 2}}', '1: non executable command in pipeline stage 2'],
])('%s is refused: %s', (text, message) => {
  expect(() => run(text)).toThrow(`template: ps:${message}`);
});
