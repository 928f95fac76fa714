package intake

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"sms-api/internal/bucket"
	"sms-api/internal/campaign"
	"sms-api/internal/message"
)

// Campaigns is what the API needs for campaigns. All fields are needed.
type Campaigns struct {
	Store *campaign.Store
	Index interface {
		Page(ctx context.Context, caller string, limit int, cursor string) (page []campaign.Campaign, next string, err error)
	}
	// Links are to the files.
	Links interface {
		Upload(ctx context.Context, key string, size int64, valid time.Duration) (bucket.Link, error)
		Download(ctx context.Context, key, name string, valid time.Duration) (bucket.Link, error)
	}
	// Runs starts an execution of the state machine of campaigns. To start it once more does nothing.
	Runs func(ctx context.Context, id string, run int) error
	// NotBefore is that of a campaign.Sender.
	NotBefore func(at time.Time) time.Time
	Bus       interface {
		Put(ctx context.Context, detailType string, detail any) error
	}
}

// linkValid is for how long a file may be uploaded, and a link to one be used.
const linkValid = 15 * time.Minute

// maxCampaignBody bounds the body of a request for a campaign, which is kept with it, in bytes.
const maxCampaignBody = 64 << 10

// CreatedCampaign is the body of a response to POST /v1/campaigns.
type CreatedCampaign struct {
	ID     string          `json:"id"`
	Status campaign.Status `json:"status"`
	// Upload is absent once there is a file.
	Upload *Upload `json:"upload,omitempty"`
}

// Upload is the request with which the file is uploaded, once.
type Upload struct {
	URL       string            `json:"url"`
	Method    string            `json:"method"`
	Headers   map[string]string `json:"headers"`
	ExpiresAt time.Time         `json:"expiresAt"`
}

func (a *API) createCampaign(w http.ResponseWriter, r *http.Request, caller Caller) error {
	key, err := idempotencyKey(r)
	if err != nil {
		return err
	}
	body, err := readBody(w, r)
	if err != nil {
		return err
	}
	request, err := message.DecodeCampaign(body)
	var syntax *message.SyntaxError
	if errors.As(err, &syntax) {
		return problemMalformed(syntax.Detail)
	}
	if !caller.trusted() {
		if err := templatesOnly(request.Request); err != nil {
			return err
		}
	}
	made, err := newCampaign(caller.ID, key, body, request)
	if err != nil {
		return err
	}
	c, replayed, err := a.create(r.Context(), made, request)
	if err != nil {
		return err
	}
	created, status := CreatedCampaign{ID: c.ID, Status: c.Status}, http.StatusCreated
	if c.Status == campaign.AwaitingFile {
		link, err := a.Campaigns.Links.Upload(r.Context(), campaign.Key(c.ID), c.Bytes, linkValid)
		if err != nil {
			return err
		}
		created.Upload = &Upload{URL: link.URL, Method: link.Method, Headers: link.Header, ExpiresAt: link.ExpiresAt}
	}
	if replayed {
		w.Header().Set("Idempotent-Replayed", "true")
		status = http.StatusOK
	}
	a.Log.LogAttrs(r.Context(), slog.LevelInfo, "campaign created", slog.String("campaign", c.ID), slog.String("caller", caller.ID),
		slog.Bool("replayed", replayed))
	w.Header().Set("Location", "/v1/campaigns/"+c.ID)
	w.Header().Set("Cache-Control", "no-store")
	a.writeJSON(w, r, status, "application/json", created)
	return nil
}

// newCampaign is what a request asks for. The error may be a *problemError.
func newCampaign(caller, key string, body []byte, request message.CampaignRequest) (campaign.Campaign, error) {
	var compact bytes.Buffer
	if err := json.Compact(&compact, bytes.TrimPrefix(body, []byte("\ufeff"))); err != nil {
		return campaign.Campaign{}, problemMalformed("the body is not JSON")
	}
	if compact.Len() > maxCampaignBody {
		return campaign.Campaign{}, problemTooLarge("the request for the campaign", compact.Len(), maxCampaignBody)
	}
	id, err := campaignID(caller, key)
	if err != nil {
		return campaign.Campaign{}, err
	}
	return campaign.Campaign{
		ID: id, Caller: caller, Request: compact.Bytes(), Fingerprint: campaignFingerprint(request), Rate: request.Rate, Auto: request.Auto,
		Bytes: request.Bytes, Reference: request.Reference, Daytime: request.Purpose == message.Ad && !request.NightConsent,
		SendAt: request.SendAt, ExpiresAt: request.ExpiresAt, Status: campaign.AwaitingFile, Run: 1,
	}, nil
}

// campaignID is made as messageID makes those of messages, and never the same.
func campaignID(caller, key string) (string, error) {
	if key == "" {
		id, err := uuid.NewV7()
		return id.String(), err
	}
	sum := sha256.Sum256([]byte("campaign\x00" + strconv.Itoa(len(caller)) + ":" + caller + key))
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:])), nil
}

// campaignFingerprint is what requests have in common that ask for the same campaign.
func campaignFingerprint(r message.CampaignRequest) string {
	h := sha256.New()
	// Neither a hash nor these types can fail.
	_ = json.NewEncoder(h).Encode([]any{r.Fingerprint(), r.Columns, r.Rate, r.Auto, r.Bytes})
	return hex.EncodeToString(h.Sum(nil))
}

// create keeps a campaign, or finds the one that was asked for before under the same key. The error may be a *problemError.
func (a *API) create(
	ctx context.Context, c campaign.Campaign, request message.CampaignRequest,
) (_ campaign.Campaign, replayed bool, _ error) {
	known, err := a.Campaigns.Store.Find(ctx, c.ID)
	if errors.Is(err, campaign.ErrNotFound) {
		if problems := a.campaignProblems(ctx, request.Request); len(problems) > 0 {
			return c, false, problemInvalid(problems)
		}
		c.CreatedAt = a.Now().UTC().Truncate(time.Millisecond)
		if err = a.Campaigns.Store.Create(ctx, c); err == nil {
			return c, false, nil
		}
		if errors.Is(err, campaign.ErrExists) {
			known, err = a.Campaigns.Store.Find(ctx, c.ID)
		}
	}
	switch {
	case err != nil:
		return c, false, err
	case known.Fingerprint != c.Fingerprint:
		return c, false, problemCampaignConflict()
	}
	return known, true, nil
}

// campaignProblems is what is wrong with the message of a campaign whoever it goes to.
func (a *API) campaignProblems(ctx context.Context, r message.Request) []message.ValidationError {
	_, problems := message.Accept(r, message.Acceptance{Now: a.Now(), Ads: a.Ads})
	problems = slices.DeleteFunc(problems, func(p message.ValidationError) bool { return p.Pointer == "/recipients" })
	return append(problems, a.door().alsoWrong(ctx, r, false, problems)...)
}

// findCampaign reads a campaign of the caller, or of anybody for an operator. Those of others do not exist.
func (a *API) findCampaign(r *http.Request, caller Caller) (campaign.Campaign, error) {
	id := r.PathValue("id")
	if !isMessageID(id) {
		return campaign.Campaign{}, problemNoCampaign()
	}
	c, err := a.Campaigns.Store.Find(r.Context(), id)
	if errors.Is(err, campaign.ErrNotFound) || err == nil && c.Caller != caller.ID && !caller.has(ScopeAdmin) {
		return campaign.Campaign{}, problemNoCampaign()
	}
	return c, err
}

// CampaignList is a page of campaigns, newest first.
type CampaignList struct {
	// Campaigns are without their plans and reports.
	Campaigns []campaign.View `json:"campaigns"`
	// Cursor leads to the next page; it is not there on the last one.
	Cursor string `json:"cursor,omitempty"`
}

// someCampaigns is how many a page has when nobody says.
const someCampaigns = 20

// listCampaigns lists the caller's campaigns, or everybody's for an operator.
func (a *API) listCampaigns(w http.ResponseWriter, r *http.Request, caller Caller) error {
	p := parameters{values: map[string]string{}}
	p.read(r.URL, "limit", "cursor")
	limit := p.limit(campaign.MaxPage, someCampaigns)
	if len(p.wrong) > 0 {
		return problemQuery(p.wrong)
	}
	whose := caller.ID
	if caller.has(ScopeAdmin) {
		whose = ""
	}
	page, next, err := a.Campaigns.Index.Page(r.Context(), whose, limit, p.values["cursor"])
	switch {
	case errors.Is(err, campaign.ErrCursor):
		return problemParameter("cursor", "is not one of this list")
	case err != nil:
		return err
	}
	list := CampaignList{Campaigns: make([]campaign.View, len(page)), Cursor: next}
	for i, c := range page {
		v := c.View()
		v.Plan, v.Forecast = nil, c.Forecast(a.Now(), a.Campaigns.NotBefore)
		list.Campaigns[i] = v
	}
	w.Header().Set("Cache-Control", "no-store")
	a.writeJSON(w, r, http.StatusOK, "application/json", list)
	return nil
}

func (a *API) getCampaign(w http.ResponseWriter, r *http.Request, caller Caller) error {
	c, err := a.findCampaign(r, caller)
	if err != nil {
		return err
	}
	return a.showCampaign(w, r, c)
}

func (a *API) showCampaign(w http.ResponseWriter, r *http.Request, c campaign.Campaign) error {
	v := c.View()
	v.Forecast = c.Forecast(a.Now(), a.Campaigns.NotBefore)
	if c.Plan != nil && len(c.Plan.Errors) > 0 && !c.Deleted {
		link, err := a.Campaigns.Links.Download(r.Context(), campaign.ErrorsKey(c), c.FileName("errors"), linkValid)
		if err != nil {
			return err
		}
		plan := *c.Plan
		plan.ErrorsURL, v.Plan = link.URL, &plan
	}
	if c.Reported && !c.Deleted {
		report, err := a.reportLink(r.Context(), c)
		if err != nil {
			return err
		}
		v.Report = &report
	}
	if !c.Over() && c.Status != campaign.Planned && c.Status != campaign.Paused {
		const poll = 10
		w.Header().Set("Retry-After", strconv.Itoa(poll))
	}
	w.Header().Set("Cache-Control", "no-store")
	a.writeJSON(w, r, http.StatusOK, "application/json", v)
	return nil
}

func (a *API) reportLink(ctx context.Context, c campaign.Campaign) (campaign.Report, error) {
	link, err := a.Campaigns.Links.Download(ctx, campaign.ReportKey(c.ID), c.FileName("report"), linkValid)
	return campaign.Report{URL: link.URL, ExpiresAt: link.ExpiresAt}, err
}

func (a *API) getReport(w http.ResponseWriter, r *http.Request, caller Caller) error {
	c, err := a.findCampaign(r, caller)
	switch {
	case err != nil:
		return err
	case c.Deleted:
		return problemCampaignStatus("its files have been deleted")
	case !c.Reported && c.Over():
		return problemCampaignStatus("it was over before anything was handed out, so that there is no report")
	case !c.Reported:
		return problemCampaignStatus("there is no report before it has settled")
	}
	report, err := a.reportLink(r.Context(), c)
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	a.writeJSON(w, r, http.StatusOK, "application/json", report)
	return nil
}

// changeCampaign changes a campaign, has the state machine go on with it, and answers with what it is then. change says why it
// cannot be done.
func (a *API) changeCampaign(
	w http.ResponseWriter, r *http.Request, caller Caller, what string,
	change func(c *campaign.Campaign) (changed bool, refusal *problemError),
) error {
	c, err := a.findCampaign(r, caller)
	if err != nil {
		return err
	}
	c, err = a.Campaigns.Store.Change(r.Context(), c.ID, func(c *campaign.Campaign) (bool, error) {
		changed, refusal := change(c)
		if refusal != nil {
			return false, refusal
		}
		if changed {
			c.Turned = a.Now()
		}
		return changed, nil
	})
	if err != nil {
		return err
	}
	a.Log.LogAttrs(r.Context(), slog.LevelInfo, what, slog.String("campaign", c.ID), slog.String("caller", caller.ID))
	switch {
	case c.Wanted > c.Run:
		err = a.Campaigns.Runs(r.Context(), c.ID, c.Wanted)
	case c.Status == campaign.Cancelled && !c.SettledAt.IsZero():
		err = campaign.Tell(r.Context(), a.Campaigns.Store, a.Campaigns.Bus, c)
	}
	if err != nil {
		return err
	}
	return a.showCampaign(w, r, c)
}

func (a *API) startCampaign(w http.ResponseWriter, r *http.Request, caller Caller) error {
	c, err := a.findCampaign(r, caller)
	if err != nil {
		return err
	}
	if c.Status == campaign.Planned {
		// What was right when it was planned may be wrong by now.
		request, err := message.DecodeCampaign(c.Request)
		if err != nil {
			return err
		}
		problems := a.campaignProblems(r.Context(), request.Request)
		if c.TooSlow(a.Now(), a.Campaigns.NotBefore) {
			problems = append(problems, message.ValidationError{Pointer: "/rate", Detail: fmt.Sprintf(
				"is too slow: at %d recipients a minute not all of them are handed out within the seven days that a campaign has; make it again with "+
					"a higher one", c.Rate)})
		}
		if len(problems) > 0 {
			return problemInvalid(problems)
		}
	}
	return a.changeCampaign(w, r, caller, "campaign started", func(c *campaign.Campaign) (bool, *problemError) {
		switch c.Status {
		case campaign.Planned:
			c.Begin(a.Now(), a.Campaigns.NotBefore)
			return true, nil
		case campaign.Sending, campaign.Parked:
			return false, nil
		case campaign.AwaitingFile, campaign.StatusPlanning:
			return false, problemCampaignStatus("it is not planned yet")
		case campaign.Paused:
			return false, problemCampaignStatus("it is paused: it is resumed, not started")
		case campaign.Invalid, campaign.Cancelled, campaign.Settled:
		}
		return false, problemCampaignStatus("it is " + string(c.Status))
	})
}

func (a *API) pauseCampaign(w http.ResponseWriter, r *http.Request, caller Caller) error {
	return a.changeCampaign(w, r, caller, "campaign paused", func(c *campaign.Campaign) (bool, *problemError) {
		switch {
		case c.Status == campaign.Paused:
			return false, nil
		case c.Status != campaign.Sending && c.Status != campaign.Parked:
			return false, problemCampaignStatus("it is " + string(c.Status))
		case c.Next >= c.Plan.Messages:
			return false, problemCampaignStatus("everything has been handed out")
		}
		c.Status, c.Cause = campaign.Paused, ""
		return true, nil
	})
}

func (a *API) resumeCampaign(w http.ResponseWriter, r *http.Request, caller Caller) error {
	return a.changeCampaign(w, r, caller, "campaign resumed", func(c *campaign.Campaign) (bool, *problemError) {
		switch c.Status {
		case campaign.Sending, campaign.Parked:
			return false, nil
		case campaign.Paused:
			c.Status, c.Wanted = campaign.Sending, max(c.Run, c.Wanted)+1
			return true, nil
		case campaign.AwaitingFile, campaign.StatusPlanning, campaign.Invalid, campaign.Planned, campaign.Cancelled, campaign.Settled:
		}
		return false, problemCampaignStatus("it is " + string(c.Status))
	})
}

func (a *API) cancelCampaign(w http.ResponseWriter, r *http.Request, caller Caller) error {
	return a.changeCampaign(w, r, caller, "campaign cancelled", func(c *campaign.Campaign) (bool, *problemError) {
		switch c.Status {
		case campaign.Cancelled:
			return false, nil
		case campaign.Invalid, campaign.Settled:
			return false, problemCampaignStatus("it is " + string(c.Status))
		case campaign.AwaitingFile:
			c.Cancel(a.Now())
			c.Settle(a.Now())
			return true, nil
		case campaign.StatusPlanning, campaign.Planned, campaign.Sending, campaign.Paused, campaign.Parked:
		}
		if c.Status != campaign.StatusPlanning { // whose execution finds out when it has planned it
			c.Wanted = max(c.Run, c.Wanted) + 1
		}
		c.Cancel(a.Now())
		return true, nil
	})
}

func problemNoCampaign() *problemError {
	return problem(http.StatusNotFound, "campaign-not-found", "There is no such campaign", "the caller has no campaign with this id")
}

func problemCampaignConflict() *problemError {
	return problem(http.StatusUnprocessableEntity, "idempotency-conflict", "The idempotency key belongs to another campaign",
		"a campaign with this key was accepted from a request with another body")
}

func problemCampaignStatus(detail string) *problemError {
	return problem(http.StatusConflict, "campaign-status", "The campaign is not where this can be done", "%s", detail)
}
