package releasenotes

import (
	"bytes"
	"regexp"
	"strings"

	"github.com/PuerkitoBio/goquery"
	"golang.org/x/net/html"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Important is the section of what stands in a box for important notes on a
// page of EKS.
const Important = "Important"

// Pages of EKS with the notes of its versions. A version moves from the first to
// the second when its standard support ends.
const (
	standardPage = "kubernetes-versions-standard.html"
	extendedPage = "kubernetes-versions-extended.html"
)

var (
	versionHeading = regexp.MustCompile(`(?i)^Kubernetes (1\.[0-9]{1,3})$`)
	noEntry        = regexp.MustCompile(`(?i)^(kubernetes 1\.[0-9]+ is now available|for the complete kubernetes|for more information)`)
)

// ParseEKS reads a page of the EKS user guide with release notes, and returns
// the notes of each version on it. url is that of the page. Any text is
// accepted; one that is no such page yields none.
func ParseEKS(source []byte, url string) map[upgrade.Version][]upgrade.ReleaseNote {
	document, err := goquery.NewDocumentFromReader(bytes.NewReader(source[:min(len(source), maxSource)]))
	if err != nil {
		return nil // nested deeper than any page of EKS
	}
	main := document.Find("#main-col-body")
	if main.Length() == 0 {
		main = document.Find("body")
	}
	notes := map[upgrade.Version][]upgrade.ReleaseNote{}
	var version upgrade.Version
	section, anchor := "", ""
	main.Find("h1, h2, h3, h4, li, p").Each(func(_ int, s *goquery.Selection) {
		said := cut(words(s), maxText)
		switch name := goquery.NodeName(s); name {
		case "h1", "h2":
			version, section = upgrade.Version{}, ""
			if m := versionHeading.FindStringSubmatch(said); m != nil {
				version, _ = upgrade.ParseVersion(m[1]) // the pattern is that of a version
				anchor = s.AttrOr("id", "")
			}
			return
		case "h3", "h4":
			section = cut(said, maxSection)
			return
		}
		if version == (upgrade.Version{}) || said == "" || noEntry.MatchString(said) || len(notes[version]) >= maxNotes || s.ParentsFiltered("li").Length() > 0 {
			return // what is within a list's item is part of it
		}
		n := upgrade.ReleaseNote{Version: version, Source: upgrade.NotesOfEKS, Section: section, Text: said, URL: url}
		if s.ParentsFiltered(".awsdocs-important, .awsdocs-note").Length() > 0 {
			if strings.EqualFold(said, "important") || strings.EqualFold(said, "note") {
				return
			}
			if s.ParentsFiltered(".awsdocs-important").Length() > 0 {
				n.Section = Important
			}
		}
		if anchor != "" && url != "" && !strings.ContainsAny(anchor, " #\"<>") && len(anchor) < 60 {
			n.URL = url + "#" + anchor
		}
		n.Labels = Classify(n.Text, n.Section)
		notes[version] = append(notes[version], n)
	})
	return notes
}

// words returns the text of an element with single spaces, without scripts.
func words(s *goquery.Selection) string {
	var b strings.Builder
	for _, root := range s.Nodes {
		for n := range root.Descendants() {
			switch {
			case n.Type == html.TextNode && (n.Parent == nil || n.Parent.Data != "script" && n.Parent.Data != "style"):
				b.WriteString(n.Data)
			case n.Type == html.ElementNode && (n.Data == "li" || n.Data == "p" || n.Data == "br"):
				b.WriteByte(' ')
			}
			if b.Len() > 4*maxText {
				break
			}
		}
	}
	return strings.Join(strings.Fields(strings.ToValidUTF8(b.String(), "\uFFFD")), " ")
}
