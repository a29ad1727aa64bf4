// sbd is the first process of a task container: it starts what the courier beside it orders, reports what came of it, and ends what is left.
// It needs nothing of the image but a kernel with /proc. docs/hand-protocol.md says how the two speak with each other.
//
// Whoever runs in the container is hostile, root included. So sbd is not dumpable: without CAP_SYS_PTRACE nobody there reads or writes its
// memory, traces it, or takes its connection.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

var version = "0.1.0"

const usage = `usage:
  sbd serve --socket PATH [--readable DIR] [--grace DURATION]   the first process of a container
  sbd copy DIR...                                               puts itself there, as DIR/sbd
  sbd fill DIR VOLUME...                                        puts what an image has in a folder into an empty volume
  sbd shell DIR [COMMAND...]                                    becomes the image's shell, or a command, in a folder
  #!/sb/sbd sleep SECONDS                                       a script that only waits: it needs nothing of the image
  sbd --version
`

func main() {
	forbidDumps()
	if err := run(os.Args[1:]); err != nil {
		logf("%v", err)
		os.Exit(1)
	}
}

// forbidDumps must come before anything else is read. An exec undoes it.
func forbidDumps() { prctl(syscall.PR_SET_DUMPABLE, 0, 0) }

func run(args []string) error {
	if len(args) == 0 {
		args = []string{""}
	}
	switch args[0] {
	case "serve":
		return serveCommand(args[1:])
	case "become":
		return becomeCommand()
	case "files":
		return filesCommand()
	case "copy":
		for _, dir := range args[1:] {
			if err := copySelf(dir); err != nil {
				return err
			}
		}
		if len(args) > 1 {
			return nil
		}
	case "fill":
		for pair := args[1:]; len(pair) >= 2; pair = pair[2:] {
			if err := fill(pair[0], pair[1]); err != nil {
				return err
			}
		}
		if len(args) > 2 && len(args)%2 == 1 {
			return nil
		}
	case "shell":
		if len(args) >= 2 {
			return becomeShell(args[1], args[2:])
		}
	case "--version":
		fmt.Printf("sbd %s, protocol %d.%d\n", version, protocolMajor, protocolMinor)
		return nil
	}
	// The kernel hands on what follows the name in the first line of a script as one argument.
	if seconds, found := strings.CutPrefix(args[0], "sleep "); found {
		if count, err := strconv.Atoi(seconds); err == nil && count >= 0 {
			time.Sleep(time.Duration(count) * time.Second)
			return nil
		}
	}
	return fmt.Errorf("unknown arguments\n%s", usage)
}

// becomeShell becomes a command, or the first shell that the image has; in the folder, where that can be entered.
func becomeShell(folder string, command []string) error {
	os.Chdir(folder)
	if len(command) > 0 {
		path, err := lookUp(command[0], os.Environ())
		if err != nil {
			return err
		}
		return syscall.Exec(path, command, os.Environ())
	}
	for _, shell := range []string{"/bin/bash", "/bin/sh"} {
		if isExecutable(shell) {
			return syscall.Exec(shell, []string{shell}, os.Environ())
		}
	}
	return fmt.Errorf("the image has neither /bin/bash nor /bin/sh: name a program of the image to run instead")
}

func serveCommand(args []string) error {
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	socket := flags.String("socket", "", "Unix socket of the courier")
	readable := flags.String("readable", "", "folder that is made readable for everybody at the end")
	grace := flags.Duration("grace", 0, "between TERM and KILL when the container is told to end")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if os.Getpid() != 1 {
		return fmt.Errorf("serve has to be the first process of a container")
	}
	if *socket == "" {
		return fmt.Errorf("serve needs --socket")
	}
	stop, err := shieldFromSignals()
	if err != nil {
		return err
	}
	closeInherited()
	os.Chdir("/")
	syscall.Umask(0o022)
	d := newDaemon(*readable)
	go d.awaitStop(stop, max(*grace, 0))
	go d.commands.reap()
	go d.commands.collectByHand()
	dialForEver(*socket, d)
	return nil
}

// closeInherited keeps from commands what sbd itself was started with beyond its stdout and stderr, where the kernel can (5.11).
func closeInherited() {
	const closeRange, onExec = 436, 4
	syscall.RawSyscall(closeRange, 3, 1<<32-1, onExec)
}

// copySelf puts the running program to dir/sbd, for an init container. It may be read by all, because PID 1 starts itself from there.
func copySelf(dir string) error {
	from, err := os.Open("/proc/self/exe")
	if err != nil {
		return err
	}
	defer from.Close()
	target := filepath.Join(dir, "sbd")
	to, err := os.OpenFile(target+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	if err == nil {
		err = to.Chmod(0o755)
	}
	if closed := to.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(target+".new", target)
	}
	return err
}

// logf writes to the container's own log by a plain system call: Go ends a program whose stdout has gone.
func logf(format string, values ...any) {
	line := "sbd: " + strings.TrimSuffix(fmt.Sprintf(format, values...), "\n") + "\n"
	syscall.Write(2, []byte(line))
}

const drainTime = time.Second
