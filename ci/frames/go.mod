module github.com/glibserve/glibserve/ci/frames

go 1.24

replace github.com/glibserve/glibserve => ../../

replace github.com/glibserve/glibserve/ci => ../

replace github.com/glibserve/glibserve/examples => ../../examples

require (
	github.com/diamondburned/gotk4/pkg v0.2.2
	github.com/glibserve/glibserve v0.0.0-00010101000000-000000000000
	github.com/glibserve/glibserve/ci v0.0.0-00010101000000-000000000000
	github.com/glibserve/glibserve/examples v0.0.0-00010101000000-000000000000
	github.com/stretchr/testify v1.12.1
	gonum.org/v1/plot v0.16.0
)

require (
	codeberg.org/go-fonts/liberation v0.5.0 // indirect
	codeberg.org/go-latex/latex v0.1.0 // indirect
	codeberg.org/go-pdf/fpdf v0.10.0 // indirect
	git.sr.ht/~sbinet/gg v0.6.0 // indirect
	github.com/KarpelesLab/weak v0.1.1 // indirect
	github.com/ajstarks/svgo v0.0.0-20211024235047-1546f124cd8b // indirect
	github.com/campoy/embedmd v1.0.0 // indirect
	github.com/golang/freetype v0.0.0-20170609003504-e2365dfdc4a0 // indirect
	github.com/pmezard/go-difflib v1.0.0 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	go4.org/unsafe/assume-no-moving-gc v0.0.0-20231121144256-b99613f794b6 // indirect
	golang.org/x/image v0.25.0 // indirect
	golang.org/x/sync v0.16.0 // indirect
	golang.org/x/sys v0.35.0 // indirect
	golang.org/x/text v0.28.0 // indirect
)
