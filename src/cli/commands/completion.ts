import type { Command, Option } from 'commander';
import { BadRequest } from '../../base/index.ts';

/** What can follow a command. */
interface Words {
  /** Words before the one to complete: `image pack`. */
  path: string;
  /** Subcommands, or the values of its only argument. */
  words: string[];
  options: readonly Option[];
  /** Whether its arguments are, or may be, files. */
  takesFiles: boolean;
  /** Whether its argument is a workspace: those below the current one are asked for. */
  takesWorkspace: boolean;
}

const SHELLS = ['bash', 'zsh', 'fish'];
/** Options with a few possible values. */
const VALUES: Readonly<Record<string, string>> = {
  '--output': 'json yaml',
  '--log-level': 'debug info warn error silent',
  '--leader-elect': 'true false',
  '--enable-priority-and-fairness': 'true false',
  '--audit-log-mode': 'batch blocking',
  '--audit-log-format': 'json',
};

/** Prints a script made from the command tree, so that it cannot fall behind it. */
export function completion(program: Command, shell: string): void {
  const words = wordsOf(program, '');
  if (shell === 'bash') process.stdout.write(bash(words));
  else if (shell === 'zsh')
    process.stdout.write(`#compdef orrery\nautoload -U +X bashcompinit && bashcompinit\n${bash(words)}`);
  else if (shell === 'fish') process.stdout.write(fish(words));
  else throw new BadRequest(`unknown shell "${shell}"`, { hint: `one of ${SHELLS.join(', ')}` });
}

function wordsOf(command: Command, path: string): Words[] {
  const visible = command.commands.filter((c) => !(c as Command & { _hidden?: boolean })._hidden);
  const options = command.options.filter((o) => !o.hidden && o.long !== undefined);
  const isShell = command.registeredArguments[0]?.name() === 'shell';
  const words = isShell ? SHELLS : visible.flatMap(namesOf);
  const takesWorkspace = command.registeredArguments[0]?.name() === 'workspace';
  const takesFiles = command.registeredArguments.length > 0 && !isShell && !takesWorkspace;
  const own = { path, words, options, takesFiles, takesWorkspace };
  const below = visible.flatMap((c) =>
    namesOf(c).flatMap((name) => wordsOf(c, path === '' ? name : `${path} ${name}`)),
  );
  return [own, ...below];
}

function namesOf(command: Command): string[] {
  return [command.name(), ...command.aliases()];
}

function bash(all: Words[]): string {
  const commands = all
    .map(({ path, words, options, takesFiles, takesWorkspace }) => {
      const flags = [...options.map((o) => o.long), '--help'].join(' ');
      return `      '${path}') found=1 words='${words.join(' ')}' flags='${flags}' files=${takesFiles ? 1 : ''} below=${takesWorkspace ? 1 : ''} ;;`;
    })
    .join('\n');
  const options = new Map(all.flatMap((one) => one.options.map((o) => [o.long!, o] as const)));
  const named = (those: (o: Option) => boolean) =>
    [...options.values()]
      .filter((o) => o.required && VALUES[o.long!] === undefined && those(o))
      .map((o) => o.long)
      .join('|');
  const values = [...options.values()]
    .filter((o) => VALUES[o.long!] !== undefined)
    .map((o) => `    ${[o.short, o.long].filter(Boolean).join('|')}) words='${VALUES[o.long!]}' ;;`)
    .join('\n');
  // What is no command of the cloud is the container tool's, which completes by itself, as cobra's programs do.
  return `_orrery_tool() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" IFS=$'\\n' more=''
  [ "$COMP_CWORD" -gt 1 ] || more=$'${all[0]!.words.join('\\n')}'
  local given=("\${COMP_WORDS[@]:1:COMP_CWORD}")
  COMPREPLY=($(compgen -W "$more"$'\\n'"$(orrery __completeNoDesc "\${given[@]}" 2>/dev/null | grep -v '^:')" -- "$cur"))
  if [ \${#COMPREPLY[@]} -eq 0 ]; then
    compopt -o filenames 2>/dev/null
    COMPREPLY=($(compgen -f -- "$cur"))
  fi
}
_orrery() {
  case " ${all[0]!.words.join(' ')} " in *" \${COMP_WORDS[1]} "*) ;; *) _orrery_tool; return ;; esac
  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="\${COMP_WORDS[COMP_CWORD-1]}" path='' word found='' words='' flags='' files='' below=''
  case "$prev" in
${values}
    ${named(isOfFile)}) files=1 ;;
    ${named((o) => !isOfFile(o))}) return ;;
  esac
  if [ -z "$words$files" ]; then
    for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
      case "$word" in -*) ;; *) path="\${path:+$path }$word" ;; esac
    done
    path="\${path#help }"
    [ "$path" != help ] || path=''
    while :; do
      case "$path" in
${commands}
      esac
      [ -z "$found" ] || break
      case "$path" in *' '*) path="\${path% *}" ;; *) path='' ;; esac
    done
    case "$cur$below" in -*) ;; *1) words="$words $(orrery ws __complete 2>/dev/null)" ;; esac
    case "$cur" in -*) words="$flags" files='' ;; *) [ -n "$words$files" ] || words="$flags" ;; esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
  if [ -n "$files" ] && [ \${#COMPREPLY[@]} -eq 0 ]; then
    compopt -o filenames 2>/dev/null
    COMPREPLY=($(compgen -f -- "$cur"))
  fi
}
complete -F _orrery orrery
`;
}

function isOfFile(option: Option): boolean {
  return /<(file|dir)>/.test(option.flags);
}

function fish(all: Words[]): string {
  return all
    .flatMap(({ path, words, options, takesWorkspace }) => {
      const condition =
        path === ''
          ? '__fish_use_subcommand'
          : path
              .split(' ')
              .map((w) => `__fish_seen_subcommand_from ${w}`)
              .join('; and ');
      return [
        ...words.map((word) => `complete -c orrery -f -n '${condition}' -a ${word}`),
        ...(takesWorkspace
          ? [`complete -c orrery -f -n '${condition}' -a '(orrery ws __complete 2>/dev/null)'`]
          : []),
        ...options.map((option) => {
          const values = VALUES[option.long!];
          const value = values === undefined ? (option.required ? ' -r' : '') : ` -x -a '${values}'`;
          return `complete -c orrery -n '${condition}' -l ${option.long!.slice(2)}${value}`;
        }),
      ];
    })
    .concat([
      `complete -c orrery -n 'not __fish_seen_subcommand_from ${all[0]!.words.join(' ')}' -a '(orrery __complete (commandline -opc)[2..] (commandline -ct) 2>/dev/null | string match -v ":*")'`,
    ])
    .join('\n')
    .concat('\n');
}
