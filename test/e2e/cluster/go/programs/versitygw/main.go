// The S3 server with the one storage that it has here. It takes what the harness says to versity's own program:
// versitygw [--quiet] [--port ADDRESS] posix [--versioning-dir FOLDER] FOLDER
package main

import (
	"context"
	"flag"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/embedgw"
)

func main() {
	port := flag.String("port", ":7070", "address of the S3 API")
	quiet := flag.Bool("quiet", false, "no line for each request")
	flag.Parse()
	storage := flag.NewFlagSet("posix", flag.ExitOnError)
	versions := storage.String("versioning-dir", "", "folder of old versions")
	if flag.Arg(0) == "posix" {
		_ = storage.Parse(flag.Args()[1:])
	}
	if storage.NArg() != 1 {
		log.Fatal("usage: versitygw [--quiet] [--port ADDRESS] posix [--versioning-dir FOLDER] FOLDER")
	}
	if err := serve(*port, *quiet, *versions, storage.Arg(0)); err != nil {
		log.Fatal(err)
	}
}

// Limits are the defaults of versity's own program. Connections stay open, as those of AWS do.
func serve(port string, quiet bool, versions, root string) error {
	if err := (meta.XattrMeta{}).Test(root); err != nil {
		return err
	}
	backend, err := posix.New(root, meta.XattrMeta{}, posix.PosixOpts{
		VersioningDir:       versions,
		Concurrency:         5000,
		CopyObjectThreshold: 5 << 30,
	})
	if err != nil {
		return err
	}
	ended, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return embedgw.RunVersityGW(ended, backend, &embedgw.Config{
		RootUserAccess:    os.Getenv("ROOT_ACCESS_KEY"),
		RootUserSecret:    os.Getenv("ROOT_SECRET_KEY"),
		Region:            "us-east-1",
		Ports:             []string{port},
		Quiet:             quiet,
		KeepAlive:         true,
		MaxConnections:    250000,
		MaxRequests:       100000,
		MultipartMaxParts: 10000,
	})
}
