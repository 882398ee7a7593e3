//go:build linux

package main

import (
	"fmt"
	"strings"
)

// The loads, in the order of the tables.
const (
	noLoad   = "none"
	connects = "connects"
	echoes   = "echoes"
	full     = "full"
	labels   = "labels"
	flood    = "flood"
)

// What is beside the window: servers, and ways to change its label.
const (
	nothing  = "nothing"
	serve    = "serve"
	incoming = "incoming"
	onNet    = "net"
	gotk4    = "gotk4"
	inC      = "c"

	post     = "post"
	latest   = "latest"
	call     = "call"
	idleAdd  = "idle"
	baseline = nothing
)

// load is what the process has to do while its window draws.
type load struct {
	name, title string
	args        []string // of the load generator; none: there is no server
	beside      []string
	posts       int // label changes a second
}

var (
	servers = []string{serve, incoming, onNet, gotk4, inC}
	ways    = []string{post, latest, call, idleAdd}
)

var loads = []load{
	{name: noLoad, title: "no load", beside: []string{nothing}},
	{name: connects, title: "2,000 connects a second", beside: servers,
		args: []string{"-work", "connect", "-conns", "64", "-rate", "2000"}},
	{name: echoes, title: "10,000 echoes a second, 500 connections", beside: servers,
		args: []string{"-work", "echo", "-conns", "500", "-rate", "10000"}},
	{name: full, title: "as many echoes as it can, 500 connections", beside: servers,
		args: []string{"-work", "echo", "-conns", "500"}},
	{name: labels, title: "40,000 label changes a second", beside: ways, posts: 40_000},
	{name: flood, title: "400,000 label changes a second", beside: ways, posts: 400_000},
}

func loadNames() string {
	var names []string
	for _, l := range loads {
		names = append(names, l.name)
	}
	return strings.Join(names, " ")
}

func findLoad(name string) *load {
	for i := range loads {
		if loads[i].name == name {
			return &loads[i]
		}
	}
	return nil
}

// beside has a program for each name, from the folder of the built ones.
var beside = map[string]struct {
	title   string
	command []string
}{
	nothing:  {"no load", []string{"server"}},
	serve:    {"glibserve, `Serve`", []string{"server", "-by", "serve"}},
	incoming: {"glibserve, `ConnectIncoming`", []string{"server", "-by", "incoming"}},
	onNet:    {"package net", []string{"server", "-by", "net"}},
	gotk4:    {"raw gotk4", []string{"server", "-by", "gotk4"}},
	inC:      {"C, GSocketService", []string{"cserver"}},
	post:     {"glibloop `Post`", []string{"server", "-post", "post"}},
	latest:   {"glibloop `PostLatest`", []string{"server", "-post", "latest"}},
	call:     {"glibloop `Call`", []string{"server", "-post", "call"}},
	idleAdd:  {"gotk4 `glib.IdleAdd`", []string{"server", "-post", "idle"}},
}

// key is one cell of the tables.
type key struct{ load, beside string }

// choose lists what to measure, in the order of a round. Without any load is
// always among it: the rest is compared with that.
func choose(only string) ([]key, error) {
	wanted := func(string) bool { return true }
	if only != "" {
		words := strings.Split(only, ",")
		for _, word := range words {
			found := false
			for _, l := range loads {
				found = found || strings.HasPrefix(l.name, word)
			}
			if !found || word == "" {
				return nil, fmt.Errorf("-only %s: there is no such load (%s)", word, loadNames())
			}
		}
		wanted = func(name string) bool {
			for _, word := range words {
				if strings.HasPrefix(name, word) {
					return true
				}
			}
			return name == noLoad
		}
	}
	var keys []key
	for _, l := range loads {
		if wanted(l.name) {
			for _, b := range l.beside {
				keys = append(keys, key{l.name, b})
			}
		}
	}
	return keys, nil
}
