import { MARKER } from './namespace-holder.ts';

/**
 * The steps into the user's namespaces, in the shell: one process all along (each step is an `exec`), so that
 * the terminal, the signals and the exit code stay the command's own; Node has threads, and a process with
 * threads cannot enter a user namespace.
 *
 * The lock is held, by descriptor 7, until the program that is entered closes it: shared by those who join,
 * alone by one who makes. So nobody makes namespaces while another is on the way into those that are there.
 */

/** `sh -c JOIN orrery DIRECTORY PID START PROGRAM…`; starts PROGRAM anew outside when the process has ended. */
export const JOIN = `
directory=$1 pid=$2 start=$3
shift 3
exec 7>>"$directory/lock"
flock --shared 7 || exit 125
started() { read -r line <"/proc/$1/stat" && set -- \${line##*) } && began=\${20}; }
if { command exec 8<"/proc/$pid/ns/user" 9<"/proc/$pid/ns/mnt" && started "$pid"; } 2>/dev/null &&
  [ "$began" = "$start" ]; then
  exec nsenter --user=/proc/self/fd/8 --mount=/proc/self/fd/9 --preserve-credentials -- "$@"
fi
exec "$@" 7>&-
`;

/**
 * `sh -c MAKE orrery DIRECTORY EXPECTED UIDS GIDS INSIDE PROGRAM…`. EXPECTED is the holder that was found
 * dead: when the file names another by now, PROGRAM is started anew outside, to look again. newuidmap and
 * newgidmap write the maps from outside, told by pipes when the namespace is there; without UIDS the user's
 * own id is the only one. Who made the pipes has all ends of them open before anybody else is started (opened for both
 * ways first, for that waits for nobody), so neither waits for one that was killed.
 */
export const MAKE = `
directory=$1 expected=$2 uids=$3 gids=$4 inside=$5
shift 5
exec 7>>"$directory/lock"
flock 7 || exit 125
now=
[ -e "$directory/holder" ] && read -r now <"$directory/holder"
[ "$now" = "$expected" ] || exec "$@" 7>&-
if [ -z "$uids" ]; then
  exec unshare --user --mount --propagation slave --map-root-user -- sh -c "$inside" orrery "$directory" "$@"
fi
ask=$directory/ask answer=$directory/answer
rm -f "$ask" "$answer"
mkfifo -m 600 "$ask" "$answer" || exit 125
exec 8<>"$ask" 9<>"$answer"
exec 6>"$ask" 5<"$answer" 8<"$ask" 9>"$answer"
rm "$ask" "$answer"
( (
  exec 5<&- 6>&- 7>&-
  if read -r asked <&8; then
    newuidmap $$ $uids &
    users=$!
    newgidmap $$ $gids && wait $users && echo yes >&9
  fi
) & )
exec 8<&- 9>&-
exec unshare --user --mount --propagation slave -- sh -c "$inside" orrery "$directory" "$@"
`;

/**
 * In the new namespaces: waits for the maps and marks the mounts as ours. The program names itself as who holds them
 * (`finishEntry` in entry.ts) before it lets go of the lock.
 */
export const INSIDE = `
directory=$1
shift
if [ -e /proc/self/fd/6 ]; then
  echo map >&6
  exec 6>&-
  answer=
  read -r answer <&5
  exec 5<&-
  [ "$answer" = yes ] || exit 125
fi
[ -d "$directory/marker" ] || mkdir "$directory/marker" || exit 125
mount -t tmpfs -o mode=0700,size=64k ${MARKER} "$directory/marker" || exit 125
exec "$@"
`;
