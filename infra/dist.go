package main

import (
	"archive/zip"
	"bytes"
	"debug/elf"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/access"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/deploy"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// zipOf returns the file with the code of a function.
func zipOf(dist, function string) string {
	return filepath.Join(dist, strings.TrimPrefix(function, "eks-upgrade-")+".zip")
}

// checkDist reports functions that were not built, or for another processor
// than the one they are to run on: such a function fails at its first call.
func checkDist(dist, architecture string) error {
	want := map[string]elf.Machine{deploy.Arm: elf.EM_AARCH64, deploy.X86: elf.EM_X86_64}[architecture]
	for _, f := range access.Functions() {
		path := zipOf(dist, f.Name)
		got, err := processor(path)
		if err != nil {
			return upgrade.KindInvalidDeployment.Errorf("read "+path, "%w", err).WithRemedy("build it with: make synth")
		}
		if got != want {
			return upgrade.KindInvalidDeployment.Field("read "+path, "architecture", fmt.Sprintf("it was built for %s, not for %s", got, architecture), "build it again with: make synth")
		}
	}
	return nil
}

func processor(path string) (elf.Machine, error) {
	archive, err := zip.OpenReader(path)
	if err != nil {
		return 0, err
	}
	defer archive.Close()
	file, err := archive.Open("bootstrap")
	if err != nil {
		return 0, err
	}
	defer file.Close()
	head, err := io.ReadAll(io.LimitReader(file, 64)) // the ELF header
	if err != nil {
		return 0, err
	}
	// Only the header is there: sections, which are behind the code, are not asked for.
	for i := 40; i < len(head); i++ {
		head[i] = 0
	}
	program, err := elf.NewFile(bytes.NewReader(head))
	if err != nil {
		return 0, err
	}
	return program.Machine, nil
}
