package main

import (
	"strings"
	"testing"
)

const filesARN = "arn:aws:s3:::sms-api-dev-campaigns-1a2b3c4"

// TestBucket: private, encrypted, over TLS, without versions, and emptied by nobody but who means to.
func TestBucket(t *testing.T) {
	t.Parallel()
	c := deployed(t, map[string]string{"campaigns:fileDays": "14"})
	made := c.one(t, "s3:Bucket", "campaigns")
	same(t, "buckets", len(c.all("s3:Bucket")), 1)
	same(t, "its name is completed, and a destroy leaves what is in it", []any{made.at("bucket"), made.at("forceDestroy")}, []any{nil, false})
	same(t, "campaignBucket", c.outputs["campaignBucket"], "sms-api-dev-campaigns-1a2b3c4")
	same(t, "nothing is public", c.one(t, "s3:BucketPublicAccessBlock", "campaigns").in, map[string]any{
		"bucket": "sms-api-dev-campaigns-1a2b3c4", "blockPublicAcls": true, "ignorePublicAcls": true, "blockPublicPolicy": true,
		"restrictPublicBuckets": true,
	})
	policy := c.one(t, "s3:BucketPolicy", "campaigns")
	same(t, "what nobody may", statements(t, policy.text("policy")), []string{
		"Deny s3:* | * * | " + filesARN + " " + filesARN + "/* | Bool aws:SecureTransport false",
		"Deny s3:PutObject | * * | " + filesARN + "/campaigns/*/file | Null s3:if-none-match true",
	})
	waits(t, policy, "s3/bucketPublicAccessBlock:BucketPublicAccessBlock::sms-api-dev-campaigns")
	same(t, "what is left behind goes", c.one(t, "s3:BucketLifecycleConfiguration", "campaigns").at("rules"), []any{map[string]any{
		"id": "left-behind", "status": "Enabled", "filter": map[string]any{"prefix": ""}, "expiration": map[string]any{"days": 124},
		"abortIncompleteMultipartUpload": map[string]any{"daysAfterInitiation": 1},
	}})
	same(t, "EventBridge hears of it", c.one(t, "s3:BucketNotification", "campaigns").in,
		map[string]any{"bucket": "sms-api-dev-campaigns-1a2b3c4", "eventbridge": true})
	// A destroy takes a bucket only if it is empty, and what protects one that is not stays with it.
	for _, kind := range []string{
		"s3:BucketPublicAccessBlock", "s3:BucketPolicy", "s3:BucketServerSideEncryptionConfiguration", "s3:BucketLifecycleConfiguration",
	} {
		same(t, kind+" stays with the bucket", c.one(t, kind, "campaigns").rpc.GetRetainOnDelete(), true)
	}
	for _, r := range c.resources {
		if strings.HasPrefix(r.kind, "s3:") && r.kind != "s3:Bucket" {
			same(t, r.kind+" is this bucket's", r.at("bucket"), "sms-api-dev-campaigns-1a2b3c4")
		}
	}
	same(t, "versions, CORS and ACLs that nobody asked for",
		len(c.all("s3:BucketVersioning"))+len(c.all("s3:BucketCorsConfiguration"))+len(c.all("s3:BucketAcl")), 0)
	same(t, "the report knows for how long", c.one(t, "lambda:Function", "report").at("environment.variables.CAMPAIGN_FILE_DAYS"), "14")
	for _, f := range []string{"api", "plan", "campaign", "report"} {
		same(t, f+" knows the bucket", c.one(t, "lambda:Function", f).at("environment.variables.CAMPAIGN_BUCKET"),
			"sms-api-dev-campaigns-1a2b3c4")
	}
}

// TestUploadsOfPages: the pages that may use the API may use its links.
func TestUploadsOfPages(t *testing.T) {
	t.Parallel()
	c := deployed(t, map[string]string{"api:corsOrigins": `["https://shop.example.com","http://localhost:3000"]`})
	same(t, "CORS", c.one(t, "s3:BucketCorsConfiguration", "campaigns").at("corsRules"), []any{map[string]any{
		"allowedOrigins": []string{"https://shop.example.com", "http://localhost:3000"}, "allowedMethods": []string{"GET", "PUT"},
		"allowedHeaders": []string{"content-type", "if-none-match"}, "exposeHeaders": []string{"etag"}, "maxAgeSeconds": 600,
	}})
}
