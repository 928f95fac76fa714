package deployment

import "time"

// CampaignKeys are the keys in the bucket of campaigns that functions may do something with, as IAM and EventBridge write them: the
// first * is a campaign's id.
func CampaignKeys() map[Resource]string {
	return map[Resource]string{
		CampaignUploads: "campaigns/*/file",
		CampaignPlans:   "campaigns/*/plan-*",
		CampaignErrors:  "campaigns/*/plan-*/errors.csv",
		CampaignReports: "campaigns/*/report.csv",
	}
}

// LongestCampaign is how long a campaign lives at most, from its file to its report: it may be scheduled as a message may, and
// be paused until it expires, and then the last receipts are waited for.
const LongestCampaign = 110 * 24 * time.Hour

// FilesGone is after how many days the bucket deletes by itself what nobody has deleted, where files are kept for so many
// days: no campaign needs them any more then. Uploads that broke off are gone after one.
func FilesGone(kept int) int { return int(LongestCampaign/(24*time.Hour)) + kept }

// UploadCORS is what pages of other origins may do with the links to the bucket: upload a file, and read errors and reports. S3
// answers for it.
//
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/ManageCorsUsing.html
func UploadCORS() CORS {
	return CORS{
		Methods: []string{"GET", "PUT"},
		Headers: []string{"content-type", "if-none-match"},
		Exposed: []string{"etag"},
		MaxAge:  10 * time.Minute,
	}
}
