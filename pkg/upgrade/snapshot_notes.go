package upgrade

// ReleaseNote is one entry of the Kubernetes release notes.
type ReleaseNote struct {
	Version  Version `json:"version"`
	Section  string  `json:"section"` // heading it stands under: "Deprecation"
	Text     string  `json:"text"`    // plain text, untrusted
	URL      string  `json:"url,omitempty"`
	Breaking bool    `json:"breaking"` // stands under "Urgent Upgrade Notes" or says so itself
}
