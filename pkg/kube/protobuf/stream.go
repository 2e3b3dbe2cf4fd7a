package protobuf

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Magic begins every answer in protobuf. Source:
// https://kubernetes.io/docs/reference/using-api/api-concepts/#protobuf-encoding
const Magic = "k8s\x00"

// maxObject is the size of the largest object that is read: etcd takes 1.5 MiB,
// answers of aggregated API servers may be larger.
const maxObject = 64 << 20

// List reads a list while it arrives, one object at a time: metadata is called
// with the list's, item with each object's message, which is void afterwards.
// Source of the envelope (runtime.Unknown: typeMeta 1, raw 2):
// https://github.com/kubernetes/apimachinery/blob/master/pkg/runtime/generated.proto
func List(r *bufio.Reader, metadata, item func([]byte) error) error {
	magic := make([]byte, len(Magic))
	if _, err := io.ReadFull(r, magic); err != nil {
		return err
	}
	if !bytes.Equal(magic, []byte(Magic)) {
		return fmt.Errorf("it does not begin as %w does", errMalformed)
	}
	s := &stream{r: r}
	for {
		number, size, err := s.field()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if number != 2 {
			if err := s.skip(size); err != nil {
				return err
			}
			continue
		}
		for end := s.read + size; s.read < end; {
			number, size, err := s.field()
			if err != nil {
				return cut(err)
			}
			use := map[int]func([]byte) error{1: metadata, 2: item}[number]
			if use == nil {
				if err := s.skip(size); err != nil {
					return err
				}
				continue
			}
			content, err := s.bytes(size)
			if err != nil {
				return err
			}
			if err := use(content); err != nil {
				return err
			}
		}
	}
}

// stream counts what is read of a message.
type stream struct {
	r      *bufio.Reader
	read   int64
	buffer bytes.Buffer
}

// ReadByte implements io.ByteReader.
func (s *stream) ReadByte() (byte, error) {
	b, err := s.r.ReadByte()
	if err == nil {
		s.read++
	}
	return b, err
}

// field reads the head of a field of texts or messages; of a number it reads
// all, and its size is 0. It is io.EOF at the end.
func (s *stream) field() (number int, size int64, err error) {
	tag, err := binary.ReadUvarint(s)
	if err != nil {
		return 0, 0, err
	}
	switch tag & 7 {
	case varint:
		_, err = binary.ReadUvarint(s)
		return -1, 0, cut(err)
	case counted:
		length, err := binary.ReadUvarint(s)
		if err != nil {
			return 0, 0, cut(err)
		}
		if length > 1<<40 {
			return 0, 0, errMalformed
		}
		return int(tag >> 3), int64(length), nil
	}
	return 0, 0, errMalformed
}

func (s *stream) skip(n int64) error {
	skipped, err := io.CopyN(io.Discard, s.r, n)
	s.read += skipped
	return cut(err)
}

func (s *stream) bytes(n int64) ([]byte, error) {
	if n > maxObject {
		return nil, upgrade.Detailf("an object of %d MiB is too large", n>>20)
	}
	s.buffer.Reset()
	read, err := io.CopyN(&s.buffer, s.r, n) // grows as it arrives, whatever length was claimed
	s.read += read
	return s.buffer.Bytes(), cut(err)
}

// cut says that an end came too early.
func cut(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
