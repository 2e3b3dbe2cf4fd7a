package apigateway

import (
	"regexp"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"
)

var contextVariable = regexp.MustCompile(`\$context\.[A-Za-z0-9_.]+[A-Za-z0-9_]`)

// accessLine fills an access log's format; a variable without a value is "-".
func accessLine(format string, value func(name string) string) string {
	return contextVariable.ReplaceAllStringFunc(format, func(variable string) string {
		if v := value(variable[len("$context."):]); v != "" {
			return v
		}
		return "-"
	})
}

// log writes a request's line into the stage's access log.
func (q *request) log(status, length int) {
	q.logged["status"], q.logged["responseLength"] = strconv.Itoa(status), strconv.Itoa(length)
	q.logged["responseLatency"] = strconv.FormatInt(q.s.o.Clock.Now().Sub(q.at).Milliseconds(), 10)
	q.s.writeLog(q.stage, q.at, q.variable)
}

// writeLog writes a line into a stage's access log, if it has one.
func (s *Service) writeLog(st types.Stage, at time.Time, value func(string) string) {
	set := st.AccessLogSettings
	if set == nil || s.o.Logs == nil {
		return
	}
	group := logGroupARN.FindStringSubmatch(*set.DestinationArn)
	if group == nil {
		return // it was checked when it was set
	}
	s.o.Logs.Write(group[1], *st.StageName, at, accessLine(*set.Format, value))
}
