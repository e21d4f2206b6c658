import { INSIDE, JOIN, MAKE } from './entry-scripts.ts';
import { MARKER } from './namespace-holder.ts';

/**
 * What `enter` in entry.ts does, in the shell, for the launcher to source: an ordinary user's command then starts
 * one Node, not two. Whatever is not plain (no runtime directory yet, no ranges of ids, no newuidmap, ids of a
 * directory service) returns, and Node does it, with its words. Positional parameters: the command line.
 *
 * @param outside commands that need no namespaces
 * @param flags of Node
 */
export function launcherScript(node: string, outside: readonly string[], flags = ''): string {
  return `case \${1-} in ''|${outside.join('|')}) return 0 ;; esac
while read -r key uid rest; do [ "$key" = Uid: ] && break; done </proc/self/status
while read -r key gid rest; do [ "$key" = Gid: ] && break; done </proc/self/status
[ "$uid" != 0 ] && [ -n "$HOME" ] || return 0
directory=\${XDG_RUNTIME_DIR:-/run/user/$uid}/orrery
[ -d "$directory" ] && [ ! -L "$directory" ] && [ -O "$directory" ] && [ -O "\${directory%/orrery}" ] || return 0
lives() {
  read -r line <"/proc/$1/stat" || return 1
  set -- \${line##*) }
  case $1 in Z|X) return 1 ;; esac
  began=\${20}
}
pid= start= named=
if [ -e "$directory/holder" ]; then read -r named <"$directory/holder"; fi
pid=\${named%% *} start=\${named##* }
if [ -z "$named" ] || ! lives "$pid" 2>/dev/null || [ "$began" != "$start" ]; then
  pid=
  own=
  for place in /proc/[0-9]*; do
    [ -O "$place" ] && [ "$place" != "/proc/$$" ] && own="$own $place/mountinfo"
  done
  for file in \${own:+$(grep -ls -- ' - tmpfs ${MARKER} ' $own)}; do
    candidate=\${file#/proc/}
    candidate=\${candidate%/mountinfo}
    [ "/proc/$candidate/root/" -ef / ] || continue
    { read -r comm <"/proc/$candidate/comm" && lives "$candidate"; } 2>/dev/null || continue
    case $comm in runc*) continue ;; esac
    pid=$candidate start=$began
    break
  done
fi
if [ -z "$pid" ]; then
  command -v newuidmap >/dev/null && command -v newgidmap >/dev/null || return 0
  name=
  while IFS=: read -r one password number rest; do
    [ "$number" = "$uid" ] && name=$one && break
  done </etc/passwd
  [ -n "$name" ] && [ -r /etc/subuid ] && [ -r /etc/subgid ] || return 0
  ranges() {
    inner=1 map="0 $2 1"
    while IFS=: read -r owner first count; do
      case $owner in "$name"|"$uid") map="$map $inner $first $count" inner=$((inner + count)) ;; esac
    done <"$1"
  }
  ranges /etc/subuid "$uid"
  uids=$map
  [ "$inner" -gt 1 ] || return 0
  ranges /etc/subgid "$gid"
  gids=$map
  [ "$inner" -gt 1 ] || return 0
fi
ORRERY_ROOTLESS_FOLDER=$PWD
export ORRERY_ROOTLESS_FOLDER
for place in /usr/local/sbin /usr/sbin /sbin; do
  case :$PATH: in *:$place:*) ;; *) PATH=$PATH:$place ;; esac
done
export PATH
if [ -n "$pid" ]; then
  set -- "$directory" "$pid" "$start" '${node}' ${flags} "$0" "$@"
${JOIN}
fi
inside='${INSIDE}'
set -- "$directory" "$named" "$uids" "$gids" "$inside" '${node}' ${flags} "$0" "$@"
${MAKE}
`;
}
