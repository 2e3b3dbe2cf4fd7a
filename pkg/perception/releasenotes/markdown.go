package releasenotes

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/text"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

const (
	urgent  = "Urgent Upgrade Notes"
	known   = "Known Issues"
	changes = "Changes by Kind"
)

// Bounds on what is taken from a text. The largest changelog has 0.7 MiB and a
// thousand entries; its longest entry has 9 kB, and the rest is behind its link.
const (
	maxSource  = 4 << 20 // bytes that are read
	maxNotes   = 3000    // of one version
	maxText    = 2000    // bytes of one entry
	maxSection = 100     // bytes of a heading
	maxSIGs    = 20
	maxLine    = 64 << 10 // bytes of a line
	maxNesting = 64       // bytes of quote and list marks before a line's text
	maxLinks   = 500      // of one paragraph or item: finding where links end takes time by their square
)

var (
	releasePattern = regexp.MustCompile(`^v([0-9]+\.[0-9]+)\.[0-9]+$`) // a stable release: no -rc.1
	pullPattern    = regexp.MustCompile(`^https://github\.com/kubernetes/[a-z-]+/pull/([0-9]{1,9})$`)
	numberPattern  = regexp.MustCompile(`^#[0-9]+$`)
	creditPattern  = regexp.MustCompile(`\s*\((#[0-9]+, )+@.*$`) // "(#134298, @kannon92) [SIG Node]"
	sigPattern     = regexp.MustCompile(`\[SIGs? ([^\[\]]+)\]$`) // "[SIG API Machinery, Apps and Node]"
	sigBreak       = regexp.MustCompile(`\s*,\s*(and\s+)?|\s+and\s+`)
)

// ParseMarkdown reads a Kubernetes changelog (CHANGELOG-1.35.md) or one
// release's notes. It takes the entries of "Urgent Upgrade Notes", "Known
// Issues" and "Changes by Kind" of the stable releases of the version; what
// stands in alphas, betas and candidates is repeated in the first stable
// release. Without any release heading the whole document counts. Any text is
// accepted; one without entries yields none.
func ParseMarkdown(source []byte, version upgrade.Version) []upgrade.ReleaseNote {
	notes := entries(source, version)
	for i, n := range notes {
		notes[i].Labels = Classify(n.Text, n.Section, n.SIGs...)
	}
	return notes
}

// entries are the notes without labels.
func entries(source []byte, version upgrade.Version) []upgrade.ReleaseNote {
	source = flatten(source)
	document := goldmark.DefaultParser().Parse(text.NewReader(source))
	var notes []upgrade.ReleaseNote
	wanted := true
	part, section := "", ""
	open := false // the last note may go on
	for node := document.FirstChild(); node != nil && len(notes) < maxNotes; node = node.NextSibling() {
		switch n := node.(type) {
		case *ast.Heading:
			open = false
			title := cut(strings.TrimSpace(plain(n, source)), maxSection)
			switch {
			case n.Level == 1:
				m := releasePattern.FindStringSubmatch(title)
				wanted, part, section = m != nil && m[1] == version.String(), "", ""
			case n.Level == 2:
				part, section = title, title
			case part != urgent: // its only subheading shouts and says nothing
				section = title
			}
		case *ast.List:
			if !wanted || part != urgent && part != known && part != changes {
				continue
			}
			for item := n.FirstChild(); item != nil && len(notes) < maxNotes; item = item.NextSibling() {
				if note, ok := entry(item, source); ok {
					note.Version, note.Source, note.Section, note.Kind = version, upgrade.NotesOfKubernetes, section, kindOf(section)
					notes = append(notes, note)
					open = true
				}
			}
		case *ast.Paragraph: // of an item whose author indented it too little
			if more, ok := entry(n, source); ok && open {
				last := &notes[len(notes)-1]
				last.Text = cut(last.Text+" "+more.Text, maxText)
				if last.URL == "" {
					last.URL, last.PR = more.URL, more.PR
				}
				if last.SIGs == nil {
					last.SIGs = more.SIGs
				}
			}
		}
	}
	return notes
}

// Plain returns the text of a Markdown entry without markup, as it is
// classified.
func Plain(markdown string) string {
	source := flatten([]byte(markdown))
	return strings.Join(strings.Fields(plain(goldmark.DefaultParser().Parse(text.NewReader(source)), source)), " ")
}

// entry reads one item: its text without the credits, and from them the first
// pull request and the SIGs. A link within the text is another one's.
func entry(item ast.Node, source []byte) (upgrade.ReleaseNote, bool) {
	var note upgrade.ReleaseNote
	whole := strings.Join(strings.Fields(plain(item, source)), " ")
	note.Text = creditPattern.ReplaceAllString(whole, "")
	note.SIGs = sigs(whole[len(note.Text):])
	note.Text = cut(note.Text, maxText)
	walk(item, func(n ast.Node) {
		link, ok := n.(*ast.Link)
		if !ok || note.URL != "" {
			return
		}
		if m := pullPattern.FindSubmatch(link.Destination); m != nil && numberPattern.MatchString(plain(link, source)) {
			note.URL = string(link.Destination)
			note.PR, _ = strconv.Atoi(string(m[1])) // nine digits at most
		}
	})
	return note, note.Text != ""
}

// sigs reads the SIGs at the end of an entry's credits.
func sigs(credits string) []string {
	m := sigPattern.FindStringSubmatch(credits)
	if m == nil {
		return nil
	}
	var out []string
	for _, name := range sigBreak.Split(m[1], maxSIGs+1) {
		if name = strings.TrimSpace(name); name != "" && len(name) <= 60 && len(out) < maxSIGs {
			out = append(out, name)
		}
	}
	return out
}

// flatten bounds what a Markdown parser gets: total size, length of lines, links
// of a paragraph, and nesting, which is a level of recursion for each mark.
func flatten(source []byte) []byte {
	source = source[:min(len(source), maxSource)]
	var out bytes.Buffer
	out.Grow(len(source))
	links := 0
	for len(source) > 0 {
		line, rest, _ := bytes.Cut(source, []byte("\n"))
		source = rest
		line = line[:min(len(line), maxLine)]
		if marks := len(line) - len(bytes.TrimLeft(line, " \t>*+-#_[]()!<`~0123456789.")); marks > maxNesting {
			line = line[marks:]
		}
		if text := bytes.TrimSpace(line); len(text) == 0 || bytes.HasPrefix(text, []byte("- ")) {
			links = 0
		}
		for at := 0; ; at++ {
			next := bytes.IndexByte(line[at:], '[')
			if next < 0 {
				break
			}
			at += next
			if links++; links > maxLinks {
				line = line[:at]
				break
			}
		}
		out.Write(line)
		out.WriteByte('\n')
	}
	return out.Bytes()
}

// cut shortens a text to n bytes at the border of a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + " ..."
}

// plain returns the text of a node without any markup.
func plain(root ast.Node, source []byte) string {
	var b strings.Builder
	walk(root, func(n ast.Node) {
		switch n := n.(type) {
		case *ast.Text:
			b.Write(n.Segment.Value(source))
			if n.SoftLineBreak() || n.HardLineBreak() {
				b.WriteByte(' ')
			}
		case *ast.String:
			b.Write(n.Value)
		case *ast.AutoLink:
			b.Write(n.Label(source))
		case *ast.CodeBlock, *ast.FencedCodeBlock:
			b.WriteByte(' ')
			for i := range n.Lines().Len() {
				line := n.Lines().At(i)
				b.Write(line.Value(source))
			}
		case *ast.ListItem, *ast.Paragraph, *ast.TextBlock:
			b.WriteByte(' ')
		}
	})
	return strings.ToValidUTF8(b.String(), "\uFFFD")
}

// walk visits a node and all below it, without recursion: the depth is the
// text's.
func walk(root ast.Node, visit func(ast.Node)) {
	for n := root; ; {
		visit(n)
		if child := n.FirstChild(); child != nil {
			n = child
			continue
		}
		for n != root && n.NextSibling() == nil {
			n = n.Parent()
		}
		if n == root {
			return
		}
		n = n.NextSibling()
	}
}
