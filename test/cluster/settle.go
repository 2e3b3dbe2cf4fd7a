package cluster

import "k8s.io/client-go/rest"

type settler struct{}

func startSettler(*rest.Config, func() func()) (*settler, error) { return &settler{}, nil }

func (s *settler) stop() {}
