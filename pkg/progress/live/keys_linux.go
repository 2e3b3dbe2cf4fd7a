package live

import "golang.org/x/sys/unix"

const getTermios, setTermios, setTermiosDrop = unix.TCGETS, unix.TCSETS, unix.TCSETSF
