package releasenotes

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/text"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

const (
	urgent  = "Urgent Upgrade Notes"
	changes = "Changes by Kind"
	maxText = 2000 // bytes of one entry; the rest is behind its link
)

var (
	releasePattern = regexp.MustCompile(`^v([0-9]+\.[0-9]+)\.[0-9]+$`) // a stable release: no -rc.1
	pullPattern    = regexp.MustCompile(`^https://github\.com/kubernetes/[a-z-]+/pull/[0-9]+$`)
	numberPattern  = regexp.MustCompile(`^#[0-9]+$`)
	creditPattern  = regexp.MustCompile(`\s*\((#[0-9]+, )+@.*$`) // "(#134298, @kannon92) [SIG Node]"
)

// Parse reads a Kubernetes changelog (CHANGELOG-1.35.md) or one release's notes.
// It takes the entries of "Urgent Upgrade Notes" and "Changes by Kind" of the
// stable releases of the version; what stands in alphas, betas and candidates
// is repeated in the first stable release. Without any release heading the whole
// document counts. Any text is accepted; one without entries yields none.
func Parse(source []byte, version upgrade.Version) []upgrade.ReleaseNote {
	document := goldmark.DefaultParser().Parse(text.NewReader(source))
	var notes []upgrade.ReleaseNote
	wanted := true
	part, section := "", ""
	for node := document.FirstChild(); node != nil; node = node.NextSibling() {
		switch n := node.(type) {
		case *ast.Heading:
			title := strings.TrimSpace(plain(n, source))
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
			if !wanted || part != urgent && part != changes {
				continue
			}
			for item := n.FirstChild(); item != nil; item = item.NextSibling() {
				if note, ok := entry(item, source); ok {
					note.Version, note.Section = version, section
					note.Breaking = part == urgent || strings.Contains(strings.ToLower(note.Text), "action required")
					notes = append(notes, note)
				}
			}
		}
	}
	return notes
}

// entry reads one item: its text without the credits, and the first pull request
// in them. A link within the text is another one's.
func entry(item ast.Node, source []byte) (upgrade.ReleaseNote, bool) {
	var note upgrade.ReleaseNote
	note.Text = strings.Join(strings.Fields(plain(item, source)), " ")
	note.Text = creditPattern.ReplaceAllString(note.Text, "")
	if len(note.Text) > maxText {
		end := maxText
		for !utf8.RuneStart(note.Text[end]) {
			end--
		}
		note.Text = note.Text[:end] + " ..."
	}
	walk(item, func(n ast.Node) {
		link, ok := n.(*ast.Link)
		if ok && note.URL == "" && pullPattern.Match(link.Destination) && numberPattern.MatchString(plain(link, source)) {
			note.URL = string(link.Destination)
		}
	})
	return note, note.Text != ""
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

func walk(root ast.Node, visit func(ast.Node)) {
	visit(root)
	for n := root.FirstChild(); n != nil; n = n.NextSibling() {
		walk(n, visit)
	}
}
