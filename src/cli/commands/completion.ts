import type { Command } from 'commander';
import { BadRequest } from '../../base/index.ts';

interface Words {
  /** Words before the one to complete: `image pack`. */
  path: string;
  candidates: string[];
}

/** Prints a script made from the command tree, so that it cannot fall behind it. */
export function completion(program: Command, shell: string): void {
  const words = wordsOf(program, '');
  if (shell === 'bash') process.stdout.write(bash(words));
  else if (shell === 'zsh')
    process.stdout.write(`#compdef orrery\nautoload -U +X bashcompinit && bashcompinit\n${bash(words)}`);
  else if (shell === 'fish') process.stdout.write(fish(words));
  else throw new BadRequest(`unknown shell "${shell}"`, { hint: 'one of bash, zsh, fish' });
}

function wordsOf(command: Command, path: string): Words[] {
  const visible = command.commands.filter((c) => !(c as Command & { _hidden?: boolean })._hidden);
  const options = command.options.filter((o) => !o.hidden && o.long !== undefined).map((o) => o.long!);
  const own = { path, candidates: [...visible.map((c) => c.name()), ...options, '--help'] };
  return [own, ...visible.flatMap((c) => wordsOf(c, path === '' ? c.name() : `${path} ${c.name()}`))];
}

function bash(words: Words[]): string {
  const cases = words
    .map(({ path, candidates }) => `    '${path}') candidates='${candidates.join(' ')}' ;;`)
    .join('\n');
  return `_orrery() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" path='' word candidates=''
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in -*) ;; *) path="\${path:+$path }$word" ;; esac
  done
  while :; do
    case "$path" in
${cases}
    esac
    [ -n "$candidates" ] || [ -z "$path" ] && break
    case "$path" in *' '*) path="\${path% *}" ;; *) path='' ;; esac
  done
  COMPREPLY=($(compgen -W "$candidates" -- "$cur"))
  case "$cur" in -*) ;; *) [ \${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- "$cur")) ;; esac
}
complete -F _orrery orrery
`;
}

function fish(words: Words[]): string {
  return words
    .flatMap(({ path, candidates }) => {
      const condition =
        path === ''
          ? '__fish_use_subcommand'
          : path
              .split(' ')
              .map((w) => `__fish_seen_subcommand_from ${w}`)
              .join('; and ');
      return candidates.map((c) =>
        c.startsWith('--')
          ? `complete -c orrery -n '${condition}' -l ${c.slice(2)}`
          : `complete -c orrery -f -n '${condition}' -a ${c}`,
      );
    })
    .join('\n')
    .concat('\n');
}
