package s3

import (
	"maps"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// Limits of tags.
const (
	maxObjectTags = 10
	maxBucketTags = 50
	maxTagKey     = 128
	maxTagValue   = 256
)

// parseTagging reads the x-amz-tagging header: URL-encoded pairs.
func parseTagging(header *string) (map[string]string, error) {
	if value(header) == "" {
		return nil, nil
	}
	pairs, err := url.ParseQuery(*header)
	if err != nil {
		return nil, fail(400, "InvalidArgument", "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.")
	}
	var set []types.Tag
	for _, k := range slices.Sorted(maps.Keys(pairs)) {
		if len(pairs[k]) > 1 {
			return nil, fail(400, "InvalidArgument", "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.")
		}
		set = append(set, types.Tag{Key: ptr(k), Value: ptr(pairs[k][0])})
	}
	return tagsOf(set, maxObjectTags)
}

// tagsOf checks a set of tags.
func tagsOf(set []types.Tag, limit int) (map[string]string, error) {
	if len(set) > limit {
		if limit == maxObjectTags {
			return nil, fail(400, "BadRequest", "Object tags cannot be greater than %d", limit)
		}
		return nil, fail(400, "BadRequest", "Bucket tag count cannot be greater than %d", limit)
	}
	tags := map[string]string{}
	for _, t := range set {
		k, v := value(t.Key), value(t.Value)
		switch _, twice := tags[k]; {
		case k == "" || utf8.RuneCountInString(k) > maxTagKey:
			return nil, fail(400, "InvalidTag", "The TagKey you have provided is invalid")
		case utf8.RuneCountInString(v) > maxTagValue:
			return nil, fail(400, "InvalidTag", "The TagValue you have provided is invalid")
		case strings.HasPrefix(strings.ToLower(k), "aws:"):
			return nil, fail(400, "InvalidTag", "System tags cannot be added/updated by requester")
		case twice:
			return nil, fail(400, "InvalidTag", "Cannot provide multiple Tags with the same key")
		}
		tags[k] = v
	}
	return tags, nil
}

func tagSet(tags map[string]string) []types.Tag {
	set := []types.Tag{}
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		set = append(set, types.Tag{Key: ptr(k), Value: ptr(tags[k])})
	}
	return set
}

// tagged finds the version whose tags a request is about.
func (s *Service) tagged(name, owner, key, id *string) (*bucket, *version, error) {
	b, err := s.bucket(name, owner)
	if err != nil {
		return nil, nil, err
	}
	v, err := b.find(value(key), id)
	return b, v, err
}

// GetObjectTagging returns the tags of an object.
func (s *Service) GetObjectTagging(_ *wire.Call, in *sdk.GetObjectTaggingInput) (*sdk.GetObjectTaggingOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, v, err := s.tagged(in.Bucket, in.ExpectedBucketOwner, in.Key, in.VersionId)
	if err != nil {
		return nil, err
	}
	return &sdk.GetObjectTaggingOutput{TagSet: tagSet(v.tags), VersionId: b.shownID(v)}, nil
}

// PutObjectTagging replaces the tags of an object.
func (s *Service) PutObjectTagging(_ *wire.Call, in *sdk.PutObjectTaggingInput) (*sdk.PutObjectTaggingOutput, error) {
	if in.Tagging == nil {
		return nil, fail(400, "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema")
	}
	tags, err := tagsOf(in.Tagging.TagSet, maxObjectTags)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, v, err := s.tagged(in.Bucket, in.ExpectedBucketOwner, in.Key, in.VersionId)
	if err != nil {
		return nil, err
	}
	v.tags = tags
	return &sdk.PutObjectTaggingOutput{VersionId: b.shownID(v)}, nil
}

// DeleteObjectTagging removes all tags of an object.
func (s *Service) DeleteObjectTagging(_ *wire.Call, in *sdk.DeleteObjectTaggingInput) (*sdk.DeleteObjectTaggingOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, v, err := s.tagged(in.Bucket, in.ExpectedBucketOwner, in.Key, in.VersionId)
	if err != nil {
		return nil, err
	}
	v.tags = nil
	return &sdk.DeleteObjectTaggingOutput{VersionId: b.shownID(v)}, nil
}

// GetBucketTagging returns the tags of a bucket.
func (s *Service) GetBucketTagging(_ *wire.Call, in *sdk.GetBucketTaggingInput) (*sdk.GetBucketTaggingOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.bucket(in.Bucket, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	if len(b.config.tags) == 0 {
		return nil, fail(404, "NoSuchTagSet", "The TagSet does not exist")
	}
	return &sdk.GetBucketTaggingOutput{TagSet: tagSet(b.config.tags)}, nil
}

// PutBucketTagging replaces the tags of a bucket.
func (s *Service) PutBucketTagging(_ *wire.Call, in *sdk.PutBucketTaggingInput) (*sdk.PutBucketTaggingOutput, error) {
	if in.Tagging == nil {
		return nil, fail(400, "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema")
	}
	tags, err := tagsOf(in.Tagging.TagSet, maxBucketTags)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.bucket(in.Bucket, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	b.config.tags = tags
	return &sdk.PutBucketTaggingOutput{}, nil
}

// DeleteBucketTagging removes the tags of a bucket.
func (s *Service) DeleteBucketTagging(_ *wire.Call, in *sdk.DeleteBucketTaggingInput) (*sdk.DeleteBucketTaggingOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.bucket(in.Bucket, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	b.config.tags = nil
	return &sdk.DeleteBucketTaggingOutput{}, nil
}
