# Puts into the control volume what the task container starts with. The kubelet runs this to its end before it starts that container.
set -e
tools=/opt/sb
sb=/sb
[ -e $sb/busybox ] || "$tools/busybox" cp "$tools/busybox" "$tools/gosu" "$tools/run.sh" $sb/
# Only root and the courier may open them: an agent with a user of its own can neither listen nor speak.
for fifo in cmd report; do
  [ -p $sb/$fifo ] || "$tools/busybox" mkfifo -m 600 $sb/$fifo
done
