# The courier's hand inside the task container: its command, run by the static busybox beside this file. Orders come one a line over the
# FIFO /sb/cmd, as `<sequence> <token> <verb>`; what the verb needs lies in /sb/stage/<sequence>/, which only the courier can write. An
# order counts only with the token that lies there, too. Each order but `stop` and `exit` is answered by one line in /sb/report:
# `<sequence> <token> <event> ...`.
# Nothing of the image is needed but a kernel: every tool is an applet of that busybox. All names begin with an underscore, because the
# shell would hand an assigned name on to the phases where the image has a variable of that name.
# Whoever runs in the container is hostile. What root opens, moves or removes lies where nobody else can write, or everybody is halted.

_bb=/sb/busybox
_grace=50            # tenths of a second between TERM and KILL
_processes_max=16384 # of a user that is not root; the kernel counts all processes that the user has on the node
_own=/logs/.sb       # root's alone: outputs before they are put into place, and what a server must know that is started again

# --- The first process: it reaps orphans and takes the kubelet's TERM at once, which a shell that waits for a foreground command does not.

first_process() {
  trap bye TERM
  trap 'kill -KILL -1 2>/dev/null; exit 0' USR1
  trap : CHLD           # so that the death of any child ends the wait
  exec 4<>/sb/report 8>&1 # the courier takes the end of the report for the end of the container
  echo sb >/proc/self/comm # `pkill busybox` means others
  _sleeper=none _server=/proc/none
  count_oom_kills
  while :; do
    [ ! -e /sb/stage/0 ] || { kill -KILL -1 2>/dev/null; exit 0; } # the order to exit, where no server lives to take it
    command eval keep_server || { am_i 1; make_room; } # under `command`, a failure to fork does not end the shell
    { wait $_sleeper; } 2>/dev/null # says "Killed" otherwise
  done
}

keep_server() {
  [ -d /proc/$_sleeper ] || { $_bb sleep 1000000 4>&- 8>&- & _sleeper=$!; note_sleeper; }
  [ -d $_server ] || renew_server || return
  kill -CONT ${_server#/proc/} 2>/dev/null # the agent may have halted it
  return 0
}

# Ends a subshell that has failed its way out to here.
am_i() {
  read -r _pid _ </proc/self/stat
  [ $_pid = $1 ] || exit 1
}

# Ends everybody where the Pod may have no more processes. Those whose parent ignores SIGCHLD leave no zombies, which would count.
make_room() {
  trap '' CHLD
  kill -KILL -1
  _tries=0
  find_others
  while [ "$_others" ] && [ $_tries -lt 1000 ]; do
    _tries=$((_tries + 1))
    find_others
  done
  trap : CHLD
  _sleeper=none _server=/proc/none
  command eval keep_server
}

note_sleeper() { [ ! -d $_own ] || echo $_sleeper >$_own/sleeper; } 2>/dev/null

# Whom the kernel kills for memory it would kill again: the container has run out of it.
renew_server() {
  _before=$_oom
  count_oom_kills
  [ $_oom -eq $_before ] || exit 1
  start_server
}

# Starts the server of orders, the first time and whenever somebody has killed it. The second setsid finds itself leading a session already,
# so it forks and leaves. A plain `&` would have all phases ignore SIGINT.
start_server() {
  _server=/proc/$($_bb setsid $_bb setsid $_bb sh -c 'echo $$; exec /sb/busybox sh /sb/run.sh serve 1>&8 8>&-')
  _status=$?
  [ $_server = /proc/ ] || return 0
  _server=/proc/none
  [ $_status -eq 0 ] || [ $_status -gt 128 ] # killed: its end is noticed, and it is started again
}

# The kubelet ends the Pod: everybody stops writing, and what was written becomes readable for the courier.
bye() {
  echo '0 - stopping' >&4
  kill -KILL -1 2>/dev/null
  open_logs
  exit 143
}

# --- The server of orders.

serve() {
  echo sb >/proc/self/comm
  exec 3</sb/cmd 4>/sb/report
  command eval take_orders && exit
  am_i $$
  kill -KILL -1 # a failure to fork: the Pod may have no more processes
  exec $_bb sh /sb/run.sh serve
}

take_orders() {
  _done=none _courier=$($_bb stat -c %u /sb/cmd)
  recover
  answer_line '0 - hello'
  while :; do
    while read -r _sequence _token _verb <&3; do
      _folder=/sb/stage/$_sequence
      is_genuine || continue
      case $_verb in
        start | run | check | stage | freeze) [ $_sequence = $_done ] || { _done=$_sequence; $_verb; } ;;
        still) answer lost ;;
        exit) leave ;;
      esac
    done
    exec 3</sb/cmd # the courier has died; the kubelet starts another one
  done
}

# True for an order of the courier: nobody else can write its token there.
is_genuine() {
  _secret=
  case $_sequence in '' | *[!0-9]*) return 1 ;; esac
  { read -r _secret <$_folder/token; } 2>/dev/null
  [ "$_secret" ] && [ "$_secret" = "$_token" ]
}

# Where a server before this one was killed, what belongs to it ends, and the phase that it was running.
recover() {
  own
  _old=none
  { read -r _old <$_own/server; } 2>/dev/null
  echo $$ >$_own/server
  [ $_old != none ] || return 0
  find_others
  for _other in $_others; do
    case $_other in */*/$_old/*) kill -KILL ${_other%%/*} ;; esac
  done
  [ ! -f $_own/phase ] || (end_phase)
  $_bb rm -f $_own/phase
}

# One write; the newline before it ends what a stranger may have left there half.
answer_line() {
  echo "
$*" >&4
}

answer() { answer_line "$_sequence $_token $*"; }

leave() {
  kill -USR1 1
  exit
}

# Starts a command that nobody waits for: the image's entrypoint.
start() {
  prepare || { answer refused $_refused; return; }
  open_outputs
  (become "$_bb setsid $_bb setsid")
  answer done 0 0
}

# Says as which user a command would run, and of the agent whether it may become root; or why it could not run.
check() {
  prepare || { answer refused $_refused; return; }
  _root=0
  [ -z "$_agent" ] || ! may_be_root || _root=1
  answer done 0 0 $_uid $_gid $_root
}

# True where sudo would let the user $_user run anything without a password.
may_be_root() {
  command -v sudo >/dev/null || return
  /sb/gosu "$_user" sudo -n -l </dev/null >/dev/null 2>&1 3<&- 4>&-
}

# Runs a command to the end of its first process. What that leaves behind runs on, as services for the verifier do.
run() {
  prepare || { answer refused $_refused; return; }
  open_outputs
  count_oom_kills
  _before=$_oom
  [ -z "$_agent" ] || [ -f $_own/image ] || note_image
  (exec 3<&- 4>&- 7>&- 8>&-; follow) &
  _follower=$!
  (exec 4>&- 5<&- 6<&- 7>&- 8>&-; listen) &
  _listener=$!
  (read -r _first _ </proc/self/stat; echo $_first >$_own/phase; become "$_bb setsid")
  _code=$?
  kill -TERM $_listener $_follower 2>/dev/null
  kill -CONT $_listener $_follower 2>/dev/null # the agent may have halted them
  { wait $_listener; } 2>/dev/null # says "Terminated" otherwise
  [ $? -ne 7 ] || leave
  copy_output
  exec 5<&- 6<&- 7>&- 8>&-
  [ -z "$_exitfile" ] || [ $_code -eq 0 ] || { echo $_code >$_own/code; put code "$_exitfile"; }
  $_bb rm -f $_own/phase
  count_oom_kills
  answer done $_code $((_oom - _before))
}

# Reads what the command consists of; fails with _refused set to what keeps it from starting.
prepare() {
  _workdir=/ _user=0 _interpreter= _stdout= _stderr= _exitfile= _agent= _refused=
  . $_folder/command
  own
  if ! resolve "$_user"; then
    _refused=user
  elif [ "$_uid" = "$_courier" ]; then
    _refused=courier # it would read secrets and tests, and speak in the courier's name
  elif [ ! -d "$_workdir" ]; then
    _refused=workdir
  elif [ "$_interpreter" ] && [ ! -x "$_interpreter" ]; then
    _refused=interpreter
  fi
  [ -z "$_refused" ]
}

# Sets _uid and _gid to those of the user $1; fails where the image has no such user. A number need not be known to the image.
resolve() {
  case $1 in 0 | 0:0) _uid=0 _gid=0; return ;; esac
  _ids=$(/sb/gosu "$1" $_bb id 2>/dev/null 3<&- 4>&-) || return # others of that user could take the FIFOs from it
  _uid=${_ids#uid=} _gid=${_ids#*gid=}
  _uid=${_uid%%[!0-9]*} _gid=${_gid%%[!0-9]*}
}

# Makes the folder that is root's alone.
own() {
  [ -d $_own ] && [ ! -L $_own ] && return
  $_bb rm -rf $_own
  $_bb mkdir -m 700 $_own
}

# Opens what the command writes to as 7 and 8, and the same for reading as 5 and 6, before it is put where anybody else can reach it.
open_outputs() {
  exec 5</dev/null 6</dev/null 7>&1
  if [ "$_stdout" ]; then
    : >$_own/stdout
    exec 5<$_own/stdout 7<>$_own/stdout
    put stdout "$_stdout"
  fi
  exec 8>&7
  if [ "$_stderr" ]; then
    : >$_own/stderr
    exec 6<$_own/stderr 8<>$_own/stderr
    put stderr "$_stderr"
  fi
}

# Puts root's own file $1 to $2, whatever lies there. Renaming follows no link at its end, and only root can change the folders before it.
put() {
  [ -d "${2%/*}" ] || $_bb mkdir -p "${2%/*}"
  $_bb mv -fT $_own/$1 "$2" 2>/dev/null && return
  $_bb mv -fT "$2" $_own/old$_sequence-$1 && $_bb mv -fT $_own/$1 "$2"
}

# Becomes the command, started by $1, with the user, directory and variables that it is to have.
become() {
  # Whoever outlives the phase must hold no FIFO.
  exec 3<&- 4>&- 5<&- 6<&- </dev/null 1>&7 2>&8 7>&- 8>&-
  cd "$_workdir" || exit 126
  [ $_uid = 0 ] || command ulimit -u $_processes_max 2>/dev/null
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
  _running="$_sequence $_token"
  while :; do
    while read -r _sequence _token _verb <&3; do
      case $_verb in
        stop) [ "$_sequence $_token" != "$_running" ] || { end_phase; exit 0; } ;;
        exit) _folder=/sb/stage/$_sequence; ! is_genuine || { end_phase; exit 7; } ;;
      esac
    done
    exec 3</sb/cmd # the courier has died; the kubelet starts another one
  done
}

# --- Who is there.

# Sets _others to everybody but us and the dead, the youngest first, each as pid/parent/session/start; _running to the pids of those that
# can act, _halted to those that are stopped.
find_others() {
  _others= _running= _halted= _sleeper=
  { read -r _sleeper <$_own/sleeper; } 2>/dev/null
  for _stat in /proc/[0-9]*/stat; do
    # A name may hold spaces, brackets and newlines; the fields after the last bracket do not.
    _line=
    { while read -r _part; do _line="$_line $_part"; done <$_stat; } 2>/dev/null
    [ "$_line" ] || continue
    _pid=${_stat#/proc/} _pid=${_pid%/stat}
    case $_pid in 1 | $$ | $_me | $_sleeper) continue ;; esac
    set -- ${_line##*)} # state, parent, group, session; the twentieth is the start
    case $1 in Z | X) continue ;; T | t) _halted="$_pid $_halted" ;; D) ;; *) _running="$_pid $_running" ;; esac
    [ $4 = $$ ] || _others="$_pid/$2/$4/${20} $_others" # the server's session: listener and follower
  done
}

# Notes whoever is there before the agent begins, its installation included.
note_image() {
  find_others
  _image=
  for _other in $_others; do _image="$_image ${_other%%/*}/${_other##*/}"; done
  echo "$_image " >$_own/image
}

# Sets _alive to what the agent has left running: everybody who was not there before it began, and does not descend from those or runs as
# the agent's user; and _shared to the number of those who were there and run as that user, who may have made them its own.
find_left() {
  _alive= _theirs=' ' _grown=yes _image= _shared=0
  [ -f $_own/image ] || return 0 # no agent has begun
  read -r _image <$_own/image
  find_others
  for _other in $_others; do
    _pid=${_other%%/*}
    case " $_image " in
      *" $_pid/${_other##*/} "*)
        _theirs="$_theirs$_pid "
        ! is_agents || _shared=$((_shared + 1))
        ;;
    esac
  done
  while [ $_grown ]; do
    _grown= _alive=
    for _other in $_others; do
      _pid=${_other%%/*} _parent=${_other#*/} _parent=${_parent%%/*}
      case $_theirs in
        *" $_pid "*) continue ;;
        *" $_parent "*) is_agents || { _theirs="$_theirs$_pid " _grown=yes; continue; } ;;
      esac
      _alive="$_pid $_alive"
    done
  done
}

# True where the process _pid runs as the agent's user, who is not root.
is_agents() {
  [ "$_agent_uid" ] || return
  _runs=
  { while read -r _key _value _; do [ "$_key" != Uid: ] || _runs=$_value; done </proc/$_pid/status; } 2>/dev/null
  [ "$_runs" = "$_agent_uid" ]
}

# Sets _left to the number of processes that the agent has left running. Everybody is halted, so the youngest pid stays what it is: where it
# does not, somebody wakes and forks faster than anybody can look.
count_left() {
  _tries=0
  while [ $_tries -lt 10 ]; do
    read -r _ _ _ _ _before </proc/loadavg
    find_left
    read -r _ _ _ _ _youngest </proc/loadavg
    [ $_youngest != $_before ] || break
    kill -STOP -1
    _tries=$((_tries + 1))
  done
  set -- $_alive
  _left=$(($# + _shared))
  [ $_left -gt 0 ] || [ $_youngest = $_before ] || _left=1
}

# Ends at once what the agent has left running. Everybody is halted; what the death of another one wakes is halted again.
kill_left() {
  _tries=0
  find_left
  while [ "$_alive" ] && [ $_tries -lt 50 ]; do
    kill -KILL $_alive 2>/dev/null
    kill -STOP -1
    $_bb sleep 0.02
    find_left
    _tries=$((_tries + 1))
  done
}

# Sets _alive to the rest of a phase: its first process, and what still descends from that in its session. Who has detached itself does not
# belong to it any more: who has a session of its own, ignores SIGHUP as nohup does, or has lost its parent, as a daemon does. _family
# outlives the call, because who loses its parent now has not detached itself.
find_family() {
  find_others
  _grown=yes
  while [ $_grown ]; do
    _grown= _alive=
    for _other in $_others; do
      _pid=${_other%%/*} _parent=${_other#*/} _session=${_parent#*/}
      _parent=${_parent%%/*} _session=${_session%%/*}
      case $_family in
        *" $_pid "*) _alive="$_pid $_alive" ;;
        *" $_parent "*)
          [ $_session = $_first ] && ! ignores_hangup && _family="$_family$_pid " _grown=yes
          ;;
      esac
    done
  done
}

# True where the process _pid ignores SIGHUP, signal 1.
ignores_hangup() {
  _mask=0
  { while read -r _key _value; do [ "$_key" != SigIgn: ] || _mask=$_value; done </proc/$_pid/status; } 2>/dev/null
  case $_mask in *[13579bdf]) ;; *) return 1 ;; esac
}

# Ends the phase.
end_phase() {
  trap '' TERM # it comes when the phase's first process has gone, but others may be left
  read -r _me _ </proc/self/stat
  read -r _first <$_own/phase
  _family=" $_first "
  end_all find_family
}

# Ends those whom $1 finds, parents first: TERM, then KILL. They are halted until all are found, so that nobody forks meanwhile.
end_all() {
  _tenths=0 _found=none
  $1
  while [ "$_alive" != "$_found" ] && [ $_tenths -lt 10 ]; do
    _found=$_alive
    _tenths=$((_tenths + 1))
    kill -STOP $_alive 2>/dev/null
    $1
  done
  _tenths=0
  kill -TERM $_alive 2>/dev/null
  kill -CONT $_alive 2>/dev/null
  while [ "$_alive" ] && [ $_tenths -lt $((_grace * 2)) ]; do
    $_bb sleep 0.1
    _tenths=$((_tenths + 1))
    $1
    [ $_tenths -lt $_grace ] || kill -KILL $_alive 2>/dev/null
  done
}

# Halts everybody, so that nobody changes what root is about to move, remove or open.
halt() {
  find_others
  _already=$_halted _tries=0
  kill -STOP -1 # whoever forks fast enough is seen by nobody
  find_others
  while [ "$_running" ] && [ $_tries -lt 50 ]; do
    $_bb sleep 0.02
    kill -STOP -1
    find_others
    _tries=$((_tries + 1))
  done
}

# Children first: a shell with job control would believe that they had been stopped by themselves.
resume() {
  find_others
  for _pid in $_halted $_sleeper; do
    case " $_already " in *" $_pid "*) ;; *) kill -CONT $_pid 2>/dev/null ;; esac
  done
}

# --- The ground that phases stand on.

# Puts the staged files to $_to, for the user $_owner. With _ground, /logs/verifier is made new as well, and the number of processes that the
# agent has left running is told; with _stop those are ended first. Where $_mode is 700, nobody else sees either.
stage() {
  _to= _owner=0 _mode=755 _ground= _stop= _agent_uid=
  . $_folder/command
  own
  _left=0
  [ -z "$_stop" ] || end_all find_left
  halt
  [ -z "$_stop" ] || kill_left
  [ -z "$_ground" ] || count_left
  lay
  _status=$?
  if [ $_status -ne 0 ] && [ "$_ground" ]; then
    kill_left
    lay
    _status=$?
  fi
  resume
  answer done $_status 0 $_left
}

lay() {
  $_bb chown 0:0 /logs && $_bb chmod 755 /logs || return
  if [ "$_ground" ]; then
    if [ $_mode = 755 ]; then renew /logs/verifier 777; else renew /logs/verifier $_mode; fi || return
  fi
  renew "$_to" 700 0 && $_bb cp -R $_folder/files/. "$_to/" || return
  [ "$_owner" = 0 ] || $_bb chown -R "$_owner" "$_to" || return
  $_bb chmod $_mode "$_to"
}

# Makes $1 an empty folder of mode $2 that belongs to the user $3, by default $_owner. What cannot be removed, such as a mount, is emptied.
renew() {
  case $1 in /logs/*) $_bb mv -fT "$1" $_own/old$_sequence-${1##*/} 2>/dev/null ;; esac
  [ ! -e "$1" ] && [ ! -L "$1" ] || $_bb rm -rf "$1" 2>/dev/null
  $_bb mkdir -p -m 700 "$1" && [ ! -L "$1" ] && [ -z "$($_bb ls -A "$1")" ] && $_bb chown "${3-$_owner}" "$1" && $_bb chmod $2 "$1"
}

# Copies the artifact $1 to $2, as the user that the courier has chosen. Copying fills holes: what has more than 64 MiB of them, and what
# holds a file beyond 2 GiB, is left out.
copy() {
  [ -e "$1" ] || exit 1
  $_bb find -H "$1" -type f -exec $_bb stat -L -c '%s %b' {} + |
    $_bb awk '{ holes += $1 > $2 * 512 ? $1 - $2 * 512 : 0; if ($1 > 2147483648) big = 1 } END { exit big || holes > 67108864 }' || exit 2
  $_bb mkdir -p "${2%/*}" && $_bb rm -rf "$2" && $_bb cp -RH "$1" "$2"
}

# Ends every other process, so that nobody changes what is about to be read; answers 1 where somebody is left.
freeze() {
  _tries=0
  find_others
  while [ "$_others" ] && [ $_tries -lt 200 ]; do
    [ $((_tries % 10)) -ne 0 ] || { kill -KILL -1; wait; } 2>/dev/null
    _tries=$((_tries + 1))
    find_others
    [ -z "$_others" ] || { $_bb sleep 0.02; find_others; }
  done
  open_logs
  [ -z "$_others" ]
  answer done $? 0
}

# Makes readable what is to be kept, and removes what is not.
open_logs() {
  $_bb rm -rf $_own
  $_bb chown 0:0 /logs
  $_bb chmod -R a+rX /logs
}

umask 022
_me=none
case $1 in
  serve) serve ;;
  copy) copy "$2" "$3" ;;
  *)
    # As under Harbor, where they are mounts below a folder of root's.
    $_bb chown 0:0 /logs
    $_bb chmod 755 /logs
    own
    for _folder in /logs/agent /logs/verifier /logs/artifacts; do
      $_bb mkdir -p $_folder
      $_bb chmod 777 $_folder
    done
    first_process
    ;;
esac
