package upgrade

// DeprecatedAPI is one object that is served or written through an API version
// that goes away.
type DeprecatedAPI struct {
	Object      ObjectRef `json:"object"` // with the deprecated apiVersion
	Deprecated  Version   `json:"deprecated"`
	Removed     Version   `json:"removed,omitzero"` // zero: no removal is announced
	Replacement string    `json:"replacement,omitempty"`
	Written     bool      `json:"written"`  // a client's last write went through this version; false: only an old trace is left
	Evidence    string    `json:"evidence"` // "still written by kubectl on 2026-07-01"
}

// Scan is what one external scanner found.
type Scan struct {
	Tool     string          `json:"tool"`    // kubent, pluto
	Version  string          `json:"version"` // of the tool
	Findings []DeprecatedAPI `json:"findings"`
}
