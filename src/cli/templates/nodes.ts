/** The tree of a template, in the words of Go's text/template/parse. */
export type Node =
  | TextNode
  | ActionNode
  | BranchNode
  | TemplateNode
  | { kind: 'break' | 'continue'; at: number };

export interface TextNode {
  kind: 'text';
  at: number;
  text: string;
}

export interface ActionNode {
  kind: 'action';
  at: number;
  pipe: Pipe;
}

/** `if`, `range` and `with`. */
export interface BranchNode {
  kind: 'if' | 'range' | 'with';
  at: number;
  pipe: Pipe;
  body: Node[];
  otherwise?: Node[];
}

export interface TemplateNode {
  kind: 'template';
  at: number;
  name: string;
  pipe?: Pipe;
}

export interface Pipe {
  kind: 'pipe';
  at: number;
  /** `$a, $b :=`; with `isAssignment` it is `=`. */
  variables: string[];
  isAssignment: boolean;
  commands: Command[];
}

export interface Command {
  at: number;
  operands: Operand[];
}

export type Operand =
  | { kind: 'dot' | 'nil'; at: number }
  | { kind: 'constant'; at: number; value: string | number | boolean; text: string }
  | { kind: 'function'; at: number; name: string }
  | { kind: 'field'; at: number; path: string[] }
  | { kind: 'variable'; at: number; name: string; path: string[] }
  | { kind: 'chain'; at: number; base: Operand; path: string[] }
  | Pipe;

/** As Go prints a node in its errors. */
export function operandText(operand: Operand): string {
  switch (operand.kind) {
    case 'dot':
      return '.';
    case 'nil':
      return 'nil';
    case 'constant':
      return operand.text;
    case 'function':
      return operand.name;
    case 'field':
      return dotted(operand.path);
    case 'variable':
      return operand.name + dotted(operand.path);
    case 'chain':
      return `${operand.base.kind === 'pipe' ? `(${operandText(operand.base)})` : operandText(operand.base)}${dotted(operand.path)}`;
    case 'pipe':
      return pipeText(operand);
  }
}

export function commandText(command: Command): string {
  return command.operands
    .map((one) => (one.kind === 'pipe' ? `(${pipeText(one)})` : operandText(one)))
    .join(' ');
}

export function pipeText(pipe: Pipe): string {
  const declared =
    pipe.variables.length === 0 ? '' : `${pipe.variables.join(', ')} ${pipe.isAssignment ? '=' : ':='} `;
  return declared + pipe.commands.map(commandText).join(' | ');
}

function dotted(path: readonly string[]): string {
  return path.map((name) => `.${name}`).join('');
}
