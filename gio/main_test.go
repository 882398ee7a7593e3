package gio_test

import (
	"log/slog"
	"os"
	"testing"

	"github.com/glibserve/glibserve/gio"
	"github.com/glibserve/glibserve/gio/internal/test/giotest"
)

func TestMain(m *testing.M) {
	slog.SetLogLoggerLevel(slog.LevelWarn) // counting makes Close talk
	gio.CountConnections()
	os.Exit(giotest.Main(m, gio.Registered))
}
