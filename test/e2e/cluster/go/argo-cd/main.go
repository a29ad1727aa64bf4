// What of Argo CD syncs and shows health: its controller, what reads repositories for it, and the Redis between them. Nothing of its UI and its API.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/alicebob/miniredis/v2"
	controller "github.com/argoproj/argo-cd/v3/cmd/argocd-application-controller/commands"
	repositories "github.com/argoproj/argo-cd/v3/cmd/argocd-repo-server/commands"
	"github.com/spf13/cobra"
)

func main() {
	root := &cobra.Command{Use: "argo-cd", SilenceUsage: true}
	redis := &cobra.Command{Use: "redis ADDRESS", Args: cobra.ExactArgs(1), RunE: serveRedis}
	root.AddCommand(controller.NewCommand(), repositories.NewCommand(), redis)
	if err := root.Execute(); err != nil {
		os.Exit(1)
	}
}

func serveRedis(_ *cobra.Command, args []string) error {
	server := miniredis.NewMiniRedis()
	if err := server.StartAddr(args[0]); err != nil {
		return fmt.Errorf("redis: %w", err)
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt)
	// Its time stands still unless it is told.
	second := time.NewTicker(time.Second)
	for {
		select {
		case <-second.C:
			server.FastForward(time.Second)
		case <-stop:
			return nil
		}
	}
}
