package objects

// HelmSecret is a Secret of type helm.sh/release.v1: of its data one key is read.
type HelmSecret struct {
	Metadata ShortMeta `json:"metadata"`
	Data     struct {
		Release []byte `json:"release"`
	} `json:"data"`
	Type string `json:"type"`
}

// HelmConfigMap is a ConfigMap that Helm keeps a release in.
type HelmConfigMap struct {
	Metadata ShortMeta `json:"metadata"`
	Data     struct {
		Release string `json:"release"`
	} `json:"data"`
}
