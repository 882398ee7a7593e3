package cluster_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/examples/chat/cluster"
)

func TestConfigurationsThatCannotWork(t *testing.T) {
	for url, reason := range map[string]string{
		"":                        "empty",
		"http://127.0.0.1:4222":   `"http" is not a way to a NATS server`,
		"nats://":                 "no host",
		"nats://127.0.0.1:x":      "not an address",
		"nats://127.0.0.1:99999":  "99999 is not a port",
		"nats://a,ws://b":         "cannot be mixed",
		"nats://a/b":              "behind the host",
		"nats://me:secret@a:b:c/": "",
	} {
		_, err := cluster.New(cluster.Config{URL: url})
		require.ErrorContains(t, err, reason, url)
		require.NotContains(t, err.Error(), "secret")
	}
	for _, url := range []string{"127.0.0.1", "localhost:4222", "nats://me:pw@a:1,tls://[::1]:2", "wss://a/path"} {
		_, err := cluster.New(cluster.Config{URL: url})
		require.NoError(t, err, url)
	}
	for _, subject := range []string{"a..b", ".a", "a.", "a b", "a.*", "a.>", "$SYS", "ä", strings.Repeat("a", 201)} {
		_, err := cluster.New(cluster.Config{URL: "nats://a", Subject: subject})
		require.ErrorContains(t, err, "the subject", subject)
	}
}

func TestTheEndDoesNotWaitForNATS(t *testing.T) {
	servers, _ := sites(t, 2)
	servers[0].proxy.Freeze()
	servers[0].hub.Close("")
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	servers[0].link.Close(ctx)
	servers[0].log.wait(t, "the other servers may not know that this one has ended")
}
