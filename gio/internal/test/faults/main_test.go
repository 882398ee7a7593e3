package faults_test

import (
	"log/slog"
	"os"
	"testing"

	"github.com/glibserve/glibserve/gio/internal/native"
	"github.com/glibserve/glibserve/gio/internal/test/giotest"
)

func TestMain(m *testing.M) {
	slog.SetLogLoggerLevel(slog.LevelWarn)
	os.Exit(giotest.Main(m, func() (listeners, sources int) {
		return native.OpenListeners(), native.Sources.Len()
	}))
}
