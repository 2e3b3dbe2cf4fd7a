// Package comprehend simulates Amazon Comprehend. Tests script the answers;
// without a script a stand-in answers by plain rules (see standin.go), so that
// equal texts have equal answers. It is no language model and no judge of
// quality.
package comprehend

import (
	"fmt"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscomprehend "github.com/aws/aws-sdk-go-v2/service/comprehend"
	"github.com/aws/aws-sdk-go-v2/service/comprehend/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/iam/constraint"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// Limits (source: developer guide, "Guidelines and quotas").
const (
	maxText      = 100_000 // bytes, of single requests
	maxSentiment = 5_000   // bytes, of sentiment and of each text of a batch
	maxBatch     = 25
)

// Answer is a scripted answer; the members that an operation does not return
// count for nothing, and those that are nil are the stand-in's.
type Answer struct {
	// Err, if set, is the answer: one of the SDK's error types.
	Err            error
	Entities       []types.Entity
	KeyPhrases     []types.KeyPhrase
	Languages      []types.DominantLanguage
	Sentiment      types.SentimentType
	SentimentScore *types.SentimentScore
	Classes        []types.DocumentClass
}

type script struct {
	operation string
	match     func(text string) bool
	answer    Answer
}

// Service is Comprehend. It is safe for concurrent use.
type Service struct {
	mu      sync.Mutex
	scripts []*script
}

// New returns a Comprehend without scripts.
func New() *Service { return &Service{} }

// Script answers an operation ("" for all), such as "DetectEntities", on the
// texts that match (nil for all). Batches are of the operation without Batch.
// Older scripts come first; the returned function removes the script.
func (s *Service) Script(operation string, match func(text string) bool, a Answer) (remove func()) {
	if match == nil {
		match = func(string) bool { return true }
	}
	sc := &script{operation, match, a}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.scripts = append(s.scripts, sc)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.scripts = slices.DeleteFunc(s.scripts, func(other *script) bool { return other == sc })
	}
}

func (s *Service) answer(operation, text string) Answer {
	s.mu.Lock()
	scripts := slices.Clone(s.scripts)
	s.mu.Unlock()
	for _, sc := range scripts {
		if (sc.operation == "" || sc.operation == operation) && sc.match(text) {
			return sc.answer
		}
	}
	return Answer{}
}

func tooLong(text string, limit int) error {
	if len(text) <= limit {
		return nil
	}
	return &types.TextSizeLimitExceededException{Message: aws.String(sizeMessage(text, limit))}
}

func sizeMessage(text string, limit int) string {
	return fmt.Sprintf("Input text size exceeds limit. Max length of request text allowed is %d bytes while in this request the text size is %d bytes", limit, len(text))
}

// check validates text and language of a request; language is nil for operations
// without.
func check(text *string, language *types.LanguageCode, limit int) error {
	var v constraint.Violations
	v.RequiredText("text", text, 1, 0, nil)
	if language != nil {
		v.Required("languageCode", *language != "")
		constraint.OneOf(&v, "languageCode", *language, types.LanguageCodeEn.Values())
	}
	if err := v.Err("ValidationException"); err != nil {
		return err
	}
	return tooLong(*text, limit)
}

func (s *Service) entities(text string) ([]types.Entity, error) {
	a := s.answer("DetectEntities", text)
	if a.Err == nil && a.Entities == nil {
		a.Entities = entities(text)
	}
	return a.Entities, a.Err
}

func (s *Service) phrases(text string) ([]types.KeyPhrase, error) {
	a := s.answer("DetectKeyPhrases", text)
	if a.Err == nil && a.KeyPhrases == nil {
		a.KeyPhrases = keyPhrases(text)
	}
	return a.KeyPhrases, a.Err
}

func (s *Service) languages(text string) ([]types.DominantLanguage, error) {
	a := s.answer("DetectDominantLanguage", text)
	if a.Err == nil && a.Languages == nil {
		a.Languages = languages(text)
	}
	return a.Languages, a.Err
}

func (s *Service) sentiment(text string) (types.SentimentType, *types.SentimentScore, error) {
	a := s.answer("DetectSentiment", text)
	if a.Err != nil {
		return "", nil, a.Err
	}
	kind, score := sentiment(text)
	if a.Sentiment != "" {
		kind, score = a.Sentiment, scoreOf(a.Sentiment)
	}
	if a.SentimentScore != nil {
		score = a.SentimentScore
	}
	return kind, score, nil
}

// DetectEntities finds names, dates and quantities.
func (s *Service) DetectEntities(_ *wire.Call, in *awscomprehend.DetectEntitiesInput) (*awscomprehend.DetectEntitiesOutput, error) {
	language := &in.LanguageCode
	if in.EndpointArn != nil {
		language = nil // the model's
	}
	if err := check(in.Text, language, maxText); err != nil {
		return nil, err
	}
	found, err := s.entities(*in.Text)
	return &awscomprehend.DetectEntitiesOutput{Entities: found}, err
}

// DetectKeyPhrases finds noun phrases.
func (s *Service) DetectKeyPhrases(_ *wire.Call, in *awscomprehend.DetectKeyPhrasesInput) (*awscomprehend.DetectKeyPhrasesOutput, error) {
	if err := check(in.Text, &in.LanguageCode, maxText); err != nil {
		return nil, err
	}
	found, err := s.phrases(*in.Text)
	return &awscomprehend.DetectKeyPhrasesOutput{KeyPhrases: found}, err
}

// DetectDominantLanguage tells the language.
func (s *Service) DetectDominantLanguage(_ *wire.Call, in *awscomprehend.DetectDominantLanguageInput) (*awscomprehend.DetectDominantLanguageOutput, error) {
	if err := check(in.Text, nil, maxText); err != nil {
		return nil, err
	}
	found, err := s.languages(*in.Text)
	return &awscomprehend.DetectDominantLanguageOutput{Languages: found}, err
}

// DetectSentiment tells the mood.
func (s *Service) DetectSentiment(_ *wire.Call, in *awscomprehend.DetectSentimentInput) (*awscomprehend.DetectSentimentOutput, error) {
	if err := check(in.Text, &in.LanguageCode, maxSentiment); err != nil {
		return nil, err
	}
	kind, score, err := s.sentiment(*in.Text)
	return &awscomprehend.DetectSentimentOutput{Sentiment: kind, SentimentScore: score}, err
}

// ClassifyDocument answers by scripts only: there are no classifiers.
func (s *Service) ClassifyDocument(_ *wire.Call, in *awscomprehend.ClassifyDocumentInput) (*awscomprehend.ClassifyDocumentOutput, error) {
	if err := check(in.Text, nil, maxText); err != nil {
		return nil, err
	}
	a := s.answer("ClassifyDocument", *in.Text)
	if a.Err == nil && a.Classes == nil {
		a.Err = &types.ResourceNotFoundException{Message: aws.String("The specified resource ARN was not found. Check the ARN and try your request again.")}
	}
	return &awscomprehend.ClassifyDocumentOutput{Classes: a.Classes}, a.Err
}
