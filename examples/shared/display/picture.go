package display

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"image/color"
	"os"
	"path/filepath"
)

// Picture is what is on the screen. Xvfb keeps it in a file, in the format of
// xwd: a header of big-endian numbers, the colour map, the pixels.
func (d *Display) Picture() (*image.RGBA, error) {
	data, err := os.ReadFile(filepath.Join(d.dir, "Xvfb_screen0"))
	if err != nil {
		return nil, err
	}
	return decode(data)
}

func decode(data []byte) (*image.RGBA, error) {
	var header struct {
		Size, Version, Format, Depth, Width, Height, XOffset, ByteOrder uint32
		_                                                               [3]uint32
		BitsPerPixel, BytesPerLine                                      uint32
		_                                                               [6]uint32
		Colours                                                         uint32
	}
	const colourSize = 12
	if err := binary.Read(bytes.NewReader(data), binary.BigEndian, &header); err != nil {
		return nil, err
	}
	if header.Version != 7 || header.Format != 2 || header.BitsPerPixel != 32 {
		return nil, errors.New("the picture is in an unknown format")
	}
	start := int(header.Size + header.Colours*colourSize)
	line, width, height := int(header.BytesPerLine), int(header.Width), int(header.Height)
	if len(data) < start+line*height || line < 4*width {
		return nil, errors.New("the picture is cut off")
	}
	order := binary.ByteOrder(binary.LittleEndian)
	if header.ByteOrder == 1 {
		order = binary.BigEndian
	}
	picture := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		row := data[start+y*line:]
		for x := range width {
			p := order.Uint32(row[4*x:])
			picture.SetRGBA(x, y, color.RGBA{uint8(p >> 16), uint8(p >> 8), uint8(p), 0xff})
		}
	}
	return picture, nil
}

// Changed counts the pixels of an area that differ between two pictures.
func Changed(a, b *image.RGBA, area image.Rectangle) int {
	n := 0
	for y := area.Min.Y; y < area.Max.Y; y++ {
		for x := area.Min.X; x < area.Max.X; x++ {
			if a.RGBAAt(x, y) != b.RGBAAt(x, y) {
				n++
			}
		}
	}
	return n
}
