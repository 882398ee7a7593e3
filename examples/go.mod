module github.com/glibserve/glibserve/examples

go 1.24

require (
	github.com/diamondburned/gotk4/pkg v0.2.2
	github.com/glibserve/glibserve v0.0.0-00010101000000-000000000000
	github.com/nats-io/nats-server/v2 v2.11.8
	github.com/nats-io/nats.go v1.46.1
	github.com/stretchr/testify v1.12.1
	golang.org/x/sync v0.16.0
	golang.org/x/sys v0.35.0
	golang.org/x/text v0.28.0
	golang.org/x/time v0.12.0
)

require (
	github.com/KarpelesLab/weak v0.1.1 // indirect
	github.com/google/go-tpm v0.9.5 // indirect
	github.com/klauspost/compress v1.18.0 // indirect
	github.com/minio/highwayhash v1.0.3 // indirect
	github.com/nats-io/jwt/v2 v2.7.4 // indirect
	github.com/nats-io/nkeys v0.4.11 // indirect
	github.com/nats-io/nuid v1.0.1 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	go4.org/unsafe/assume-no-moving-gc v0.0.0-20231121144256-b99613f794b6 // indirect
	golang.org/x/crypto v0.41.0 // indirect
)

replace github.com/glibserve/glibserve => ../
