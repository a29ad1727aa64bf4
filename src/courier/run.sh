# The courier's hand inside the task container: its command, run by the static busybox beside this file. Orders come one a line over the
# FIFO /sb/cmd, as `<sequence> <token> <verb>`; what the verb needs lies in /sb/stage/<sequence>/, which only the courier can write. Each
# order but `stop` and `exit` is answered by one line in /sb/report: `<sequence> <token> <event> ...`.
# Nothing of the image is needed but a kernel: every tool is an applet of that busybox. All names begin with an underscore, because the
# shell would hand an assigned name on to the phases where the image has a variable of that name.

_bb=/sb/busybox
_grace=50 # tenths of a second between TERM and KILL

# --- The first process: it reaps orphans and takes the kubelet's TERM at once, which a shell that waits for a foreground command does not.

first_process() {
  trap bye TERM
  trap 'kill -KILL -1 2>/dev/null; exit 0' USR1
  # The second setsid finds itself leading a session already, so it forks and leaves. A plain `&` would have all phases ignore SIGINT.
  $_bb setsid $_bb setsid $_bb sh /sb/run.sh serve
  for _server in /proc/[0-9]*; do [ $_server = /proc/1 ] || break; done
  trap : CHLD # so that the death of any child ends the wait
  _sleeper=none
  while [ -d $_server ]; do
    [ -d /proc/$_sleeper ] || { $_bb sleep 1000000 & _sleeper=$!; }
    { wait $_sleeper; } 2>/dev/null # says "Killed" otherwise
  done
  exit 1
}

# The kubelet ends the Pod: everybody stops writing, and what was written becomes readable for the courier.
bye() {
  echo '0 - stopping' 1<>/sb/report
  kill -KILL -1 2>/dev/null
  $_bb chmod -R a+rX /logs
  exit 143
}

# --- The server of orders.

serve() {
  exec 3</sb/cmd 4>/sb/report
  echo '0 - hello' >&4
  while :; do
    while read -r _sequence _token _verb <&3; do
      _folder=/sb/stage/$_sequence
      case $_verb in
        start | run | stage | collect | freeze) $_verb ;;
        exit) leave ;;
      esac
    done
    exec 3</sb/cmd # the courier has died; the kubelet starts another one
  done
}

answer() { echo "$_sequence $_token $*" >&4; }

leave() {
  kill -USR1 1
  exit
}

# Starts a command that nobody waits for: the image's entrypoint.
start() {
  prepare || { answer refused $_refused; return; }
  (become "$_bb setsid $_bb setsid")
  answer done 0 0
}

# Runs a command to the end of its first process. What that leaves behind runs on, as services for the verifier do.
run() {
  prepare || { answer refused $_refused; return; }
  command exec 5<>"${_stdout:-/dev/null}" 6<>"${_stderr:-/dev/null}"
  count_oom_kills
  _before=$_oom
  (exec 3<&- 4>&-; follow) &
  _follower=$!
  (exec 4>&-; listen) &
  _listener=$!
  (become "$_bb setsid")
  _code=$?
  kill -TERM $_listener $_follower 2>/dev/null
  { wait $_listener; } 2>/dev/null # says "Terminated" otherwise
  [ $? -ne 7 ] || leave
  copy_output
  exec 5<&- 6<&-
  [ -z "$_exitfile" ] || [ $_code -eq 0 ] || { empty_file "$_exitfile"; echo $_code 1<>"$_exitfile"; }
  count_oom_kills
  answer done $_code $((_oom - _before))
}

# Reads what the command consists of and makes ready for it; fails with _refused set to what keeps it from starting.
prepare() {
  _workdir=/ _user=0 _interpreter= _stdout= _stderr= _exitfile= _refused=
  . $_folder/command
  if [ ! -d "$_workdir" ]; then
    _refused=workdir
  elif [ "$_interpreter" ] && [ ! -x "$_interpreter" ]; then
    _refused=interpreter
  else
    # A number need not be known to the image.
    case $_user in *[!0-9:]*) /sb/gosu "$_user" $_bb true 2>/dev/null || _refused=user ;; esac
  fi
  [ -z "$_refused" ] || return 1
  empty_file "$_stdout"
  empty_file "$_stderr"
}

# Makes an empty file at path $1, whatever was there. A link or FIFO planted meanwhile harms this container alone.
empty_file() {
  [ "$1" ] || return 0
  $_bb rm -rf "$1"
  $_bb mkdir -p "${1%/*}"
  true <>"$1"
}

# Becomes the command, started by $1, with the user, directory and variables that it is to have.
become() {
  # Whoever outlives the phase must hold no FIFO.
  exec 3<&- 4>&- 5<&- 6<&- </dev/null
  [ -z "$_stdout" ] || exec 1<>"$_stdout"
  if [ "$_stderr" ]; then exec 2<>"$_stderr"; else exec 2>&1; fi
  cd "$_workdir" || exit 126
  _setsid=$1 _shell= _home=
  . $_folder/command
  [ -z "$_shell" ] || { choose_shell; set -- $_shell "$@"; }
  # gosu sets HOME to the user's own; a HOME among the variables goes before it.
  [ -z "$_home" ] || set -- $_bb env "HOME=$_home" "$@"
  set -- $_setsid /sb/gosu "$_user" "$@"
  . $_folder/env # last, because it may set any variable
  exec "$@"
}

# Sets _shell to what runs a script that names no interpreter.
choose_shell() {
  for _shell in /bin/bash /bin/sh "$_bb sh"; do [ ! -x "$_shell" ] || return; done
}

# Copies the phase's output to the container's own, as it grows; killed when the phase has ended.
follow() {
  while :; do
    copy_output
    $_bb sleep 1
  done
}

copy_output() {
  [ -z "$_stdout" ] || $_bb cat <&5
  [ -z "$_stderr" ] || $_bb cat <&6 >&2
}

# Sets _oom to the number of processes that the kernel has killed for memory in this container (cgroup v2, then v1).
count_oom_kills() {
  _oom=0
  for _events in /sys/fs/cgroup/memory.events /sys/fs/cgroup/memory/memory.oom_control; do
    [ -r $_events ] || continue
    while read -r _key _value; do [ "$_key" != oom_kill ] || _oom=$_value; done <$_events
  done
}

# Listens for orders while the phase runs; killed when that has ended by itself.
listen() {
  while :; do
    while read -r _ _ _verb <&3; do
      case $_verb in
        stop) end_phase; exit 0 ;;
        exit) end_phase; exit 7 ;;
      esac
    done
    exec 3</sb/cmd # the courier has died; the kubelet starts another one
  done
}

# Ends the phase with everything that belongs to it.
end_phase() {
  trap '' TERM # it comes when the phase's first process has gone, but others may be left
  _family= _tenths=0
  find_alive
  kill -TERM $_alive 2>/dev/null
  while [ "$_alive" ] && [ $_tenths -lt $((_grace * 2)) ]; do
    $_bb sleep 0.1
    _tenths=$((_tenths + 1))
    find_alive
    [ $_tenths -lt $_grace ] || kill -KILL $_alive 2>/dev/null
  done
}

# Sets _alive to the processes of the phase: children of the server in a session of their own, all that descend from them, and the rest of
# their sessions. _family outlives the call, because who has lost its parent no longer descends from anybody.
find_alive() {
  _grown=yes
  while [ $_grown ]; do
    _grown= _alive=
    for _stat in /proc/[0-9]*/stat; do
      # A name may hold spaces, brackets and newlines; the fields after the last bracket do not.
      _line=
      { while read -r _part; do _line="$_line $_part"; done <$_stat; } 2>/dev/null
      [ "$_line" ] || continue
      _pid=${_stat#/proc/} _pid=${_pid%/stat}
      set -- ${_line##*)} # state, parent, group, session
      case " $_family " in
        *" $_pid "*) ;;
        *) belongs "$@" && _family="$_family $_pid" _grown=yes || continue ;;
      esac
      [ $1 = Z ] || _alive="$_alive $_pid"
    done
  done
}

# True for a process with the fields "$@" that is of the phase.
belongs() {
  [ $4 != $$ ] || return 1 # ours: the server, its listener, its follower
  case " $_family " in *" $2 "* | *" $4 "*) return 0 ;; esac
  [ $2 = $$ ]
}

# Puts the staged files to $_to, after emptying $_clear.
stage() {
  _to= _clear= _status=1
  . $_folder/command
  { [ -z "$_clear" ] || renew "$_clear" 777; } && renew "$_to" 755 && $_bb cp -R $_folder/files/. "$_to/" && _status=0
  answer done $_status 0
}

# Makes $1 an empty folder of mode $2. What cannot be removed, such as a mount, is emptied.
renew() {
  $_bb rm -rf "$1" 2>/dev/null
  $_bb mkdir -p "$1" && [ ! -L "$1" ] && [ -z "$($_bb ls -A "$1")" ] && $_bb chmod $2 "$1"
}

# Copies what the command names (source, path under /logs/artifacts, and so on) and makes all of /logs readable; answers with the positions
# that failed.
collect() {
  . $_folder/command
  _failed= _position=0
  while [ $# -gt 0 ]; do
    copy_artifact "$1" "/logs/artifacts/$2" || _failed="$_failed $_position"
    _position=$((_position + 1))
    shift 2
  done
  $_bb chmod -R a+rX /logs
  answer done 0 0 $_failed
}

copy_artifact() {
  # Copying would fill the disk with the holes of a sparse file.
  [ -e "$1" ] && [ -z "$($_bb find "$1" -type f -size +2097152k)" ] || return
  $_bb mkdir -p "${2%/*}" && $_bb rm -rf "$2" && $_bb cp -RH "$1" "$2"
}

# Ends every other process, so that nobody changes what is about to be read.
freeze() {
  { kill -KILL -1; wait; } 2>/dev/null
  $_bb chmod -R a+rX /logs
  answer done 0 0
}

umask 022
if [ "$1" = serve ]; then
  serve
else
  for _folder in /logs/agent /logs/verifier /logs/artifacts; do
    $_bb mkdir -p $_folder
    $_bb chmod 777 $_folder
  done
  first_process
fi
