package approval_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/webhook"
)

func TestAChatIsToldWhatPeopleAreTold(t *testing.T) {
	status, texts := http.StatusOK, []string{}
	chat := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Text string }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		texts = append(texts, body.Text)
		w.WriteHeader(status)
	}))
	defer chat.Close()
	for _, status = range []int{http.StatusOK, http.StatusInternalServerError} { // a chat that is down holds up nothing
		w := newWorld(t)
		w.Hook = webhook.New(chat.URL)
		w.ask(t)
		w.ask(t) // a retry does not tell again
		if len(w.published) != 1 {
			t.Errorf("%d: %d messages", status, len(w.published))
		}
	}
	if len(texts) != 2 || !strings.HasPrefix(texts[0], "Approve the upgrade of EKS cluster shop from 1.34 to 1.35?\n\n") || strings.Contains(texts[0], token) || strings.Contains(texts[0], eksSecret) {
		t.Errorf("the chat was told %q", texts)
	}
}
