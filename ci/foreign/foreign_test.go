package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func events(t *testing.T, lines string) *outcome {
	t.Helper()
	o := &outcome{tests: map[string]string{}, output: map[string][]string{}}
	for line := range strings.Lines(lines) {
		o.add([]byte(line))
	}
	return o
}

func TestOutcomeOfTests(t *testing.T) {
	o := events(t, `{"Action":"run","Test":"TestA"}
{"Action":"run","Test":"TestA/b"}
{"Action":"fail","Test":"TestA/b"}
{"Action":"fail","Test":"TestA"}
{"Action":"run","Test":"TestC"}
{"Action":"pass","Test":"TestC"}
{"Action":"run","Test":"TestD"}
{"Action":"skip","Test":"TestD"}
no event
{"Action":"fail"}
`)
	require.Equal(t, map[string]string{"TestA": "fail", "TestA/b": "fail", "TestC": "pass", "TestD": "skip"}, o.tests)
	require.Empty(t, o.unfinished())
}

// What ends the program is found, so that the tests after it can run without it.
func TestOutcomeOfAPanicAndOfATimeout(t *testing.T) {
	o := events(t, `{"Action":"run","Test":"TestA"}
{"Action":"run","Test":"TestA/b"}
{"Action":"output","Test":"TestA/b","Output":"panic: interface conversion\n"}
{"Action":"fail","Test":"TestA/b"}
{"Action":"fail","Test":"TestA"}
`)
	require.Equal(t, []string{"TestA"}, o.unfinished())
	o = events(t, `{"Action":"run","Test":"TestA"}
{"Action":"pause","Test":"TestA"}
{"Action":"run","Test":"TestB"}
{"Action":"run","Test":"TestB/c"}
`)
	require.Equal(t, []string{"TestB"}, o.unfinished())
}

func TestKnownIsATestWithAllBelowIt(t *testing.T) {
	s := suite{known: []known{{"TestA", "why"}}}
	require.NotNil(t, s.isKnown("TestA"))
	require.Nil(t, s.isKnown("TestAB"))
	require.NotNil(t, s.isKnown("TestA/b"))
}

func TestSuitesAreChosenByWords(t *testing.T) {
	require.Len(t, choose(""), len(suites))
	require.Len(t, choose("smtp, syslog"), 2)
	require.Empty(t, choose("nothing has this name"))
}

func TestTheTableGivesAReasonOnce(t *testing.T) {
	s := suite{name: "some", known: because("want a thing", "TestA", "TestB", "TestC")}
	r := row{suite: &s, net: 9, modes: map[string]int{"": 6, "nodirect": 7}, known: s.known}
	require.Contains(t, table([]row{r}), "| some | 9 | 6 | 7 | TestA, TestB, TestC want a thing |\n")
}
