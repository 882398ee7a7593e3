package sys

import "fmt"

// WithMessage is a sentence that is some other error too, for errors.Is.
func WithMessage(is error, format string, args ...any) error {
	return &messageError{fmt.Sprintf(format, args...), is}
}

type messageError struct {
	msg string
	is  error
}

func (e *messageError) Error() string { return e.msg }
func (e *messageError) Unwrap() error { return e.is }
