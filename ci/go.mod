module github.com/glibserve/glibserve/ci

go 1.24

require (
	github.com/diamondburned/gotk4/pkg v0.2.2
	github.com/glibserve/glibserve v0.0.0-00010101000000-000000000000
	github.com/glibserve/glibserve/examples v0.0.0-00010101000000-000000000000
	github.com/stretchr/testify v1.12.1
	golang.org/x/mod v0.27.0
)

require (
	github.com/KarpelesLab/weak v0.1.1 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	go4.org/unsafe/assume-no-moving-gc v0.0.0-20231121144256-b99613f794b6 // indirect
	golang.org/x/sync v0.16.0 // indirect
	golang.org/x/sys v0.35.0 // indirect
)

replace github.com/glibserve/glibserve => ../

replace github.com/glibserve/glibserve/examples => ../examples
