package wire

import (
	"encoding/binary"
	"hash/crc32"
)

// Stream is a payload that both sides can make. The zero Stream of a seed
// begins at its beginning.
type Stream struct {
	Seed uint64
	off  uint64
	crc  uint32
}

// UpStream is the payload from the client.
func (h Header) UpStream() *Stream { return &Stream{Seed: h.Seed} }

// DownStream is the payload to the client.
func (h Header) DownStream() *Stream { return &Stream{Seed: ^h.Seed} }

// word is eight bytes at a place: a mix by multiplication and shift, in which
// no two neighbours are alike, so that bytes that are lost, doubled or moved show.
func word(seed, i uint64) uint64 {
	z := seed + (i+1)*0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// at is one byte.
func (s *Stream) at(off uint64) byte { return byte(word(s.Seed, off/8) >> (8 * (off % 8))) }

// Fill writes the next bytes to b.
func (s *Stream) Fill(b []byte) {
	i := 0
	for ; i < len(b) && (s.off+uint64(i))%8 != 0; i++ {
		b[i] = s.at(s.off + uint64(i))
	}
	for ; i+8 <= len(b); i += 8 {
		binary.LittleEndian.PutUint64(b[i:], word(s.Seed, (s.off+uint64(i))/8))
	}
	for ; i < len(b); i++ {
		b[i] = s.at(s.off + uint64(i))
	}
	s.passed(b)
}

// Check tells whether b is what comes next. After a false the stream is of no
// use any more.
func (s *Stream) Check(b []byte) bool {
	i := 0
	for ; i < len(b) && (s.off+uint64(i))%8 != 0; i++ {
		if b[i] != s.at(s.off+uint64(i)) {
			return false
		}
	}
	for ; i+8 <= len(b); i += 8 {
		if binary.LittleEndian.Uint64(b[i:]) != word(s.Seed, (s.off+uint64(i))/8) {
			return false
		}
	}
	for ; i < len(b); i++ {
		if b[i] != s.at(s.off+uint64(i)) {
			return false
		}
	}
	s.passed(b)
	return true
}

func (s *Stream) passed(b []byte) {
	s.off += uint64(len(b))
	s.crc = crc32.Update(s.crc, crc32.IEEETable, b)
}

// Reply is what has been filled or checked so far.
func (s *Stream) Reply() Reply { return Reply{Bytes: s.off, CRC: s.crc} }
