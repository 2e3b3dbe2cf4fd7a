package asl_test

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/asl"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/clock"
)

type echo struct{}

func (echo) Start(r asl.TaskRequest, done func(asl.TaskResult)) func() {
	done(asl.TaskResult{Output: r.Arguments})
	return nil
}

func ExampleMachine_Start() {
	m, err := asl.Parse([]byte(`{"QueryLanguage":"JSONata","StartAt":"Bake","States":{
	  "Bake":{"Type":"Wait","Seconds":7200,"Next":"Check"},
	  "Check":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Arguments":{"at":"{% $now() %}"},"TimeoutSeconds":60,"End":true}}}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	c := clock.NewVirtual(time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC))
	e, err := m.Start(asl.Options{Clock: c, Tasks: echo{}, Input: json.RawMessage(`{}`)})
	if err != nil {
		fmt.Println(err)
		return
	}
	c.Advance(2 * time.Hour)
	fmt.Println(e.Status(), string(e.Output()))
	// Output: SUCCEEDED {"at":"2026-08-01T14:00:00.000Z"}
}
