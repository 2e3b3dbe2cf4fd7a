package live

import "golang.org/x/sys/unix"

const getTermios, setTermios, setTermiosDrop = unix.TIOCGETA, unix.TIOCSETA, unix.TIOCSETAF
