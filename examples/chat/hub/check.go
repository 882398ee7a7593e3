package hub

// CheckName tells what is wrong with a nickname, in words for whoever chose
// it, or nil. Whether somebody else has the name, only a hub knows.
func CheckName(nick string) error {
	_, err := parseNick(nick)
	return err
}

// CheckLine tells why a hub would refuse a line, in the words of the hub, or
// nil: for programs that want to know before they send it.
func CheckLine(line string) error { return checkText(line) }
