package aligotest

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/korean"
)

// maxRequest bounds a request: three pictures and 500 long texts fit well.
const maxRequest = 32 << 20

// endpoint is one of the vendor's paths.
type endpoint struct {
	path string
	do   func(*Standin, *request) object
}

// host tells which of the vendor's two hosts an endpoint is on.
func (e endpoint) kakao() bool { return strings.HasPrefix(e.path, "/akv10/") }

func table() []endpoint {
	return []endpoint{
		{"/send/", (*Standin).send},
		{"/send_mass/", (*Standin).sendMass},
		{"/list/", (*Standin).smsHistory},
		{"/sms_list/", (*Standin).smsReceipts},
		{"/remain/", (*Standin).remain},
		{"/cancel/", (*Standin).cancelSMS},
		{"/akv10/profile/auth/", (*Standin).profileAuth},
		{"/akv10/profile/add/", (*Standin).profileAdd},
		{"/akv10/profile/list/", (*Standin).profileList},
		{"/akv10/category/", (*Standin).category},
		{"/akv10/template/list/", (*Standin).templateList},
		{"/akv10/template/add/", (*Standin).templateAdd},
		{"/akv10/template/modify/", (*Standin).templateModify},
		{"/akv10/template/del/", (*Standin).templateDelete},
		{"/akv10/template/request/", (*Standin).templateRequest},
		{"/akv10/alimtalk/send/", (*Standin).sendAlimTalk},
		{"/akv10/history/list/", (*Standin).alimTalkHistory},
		{"/akv10/history/detail/", (*Standin).alimTalkReceipts},
		{"/akv10/heartinfo/", (*Standin).heartInfo},
		{"/akv10/cancel/", (*Standin).cancelAlimTalk},
	}
}

// tokenPath is the legacy call that older clients begin with; the vendor's own npm client leaves the last slash out.
const tokenPath = "/akv10/token/create/"

func endpoints() []string {
	var paths []string
	for _, e := range table() {
		paths = append(paths, e.path)
	}
	return append(paths, tokenPath)
}

func (s *Standin) routes() {
	s.mux = http.NewServeMux()
	for _, e := range table() {
		s.mux.HandleFunc("POST "+e.path+"{$}", func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, e) })
	}
	token := endpoint{tokenPath, (*Standin).token}
	for _, end := range []string{"{time}/{unit}/{$}", "{time}/{unit}"} {
		s.mux.HandleFunc("POST "+tokenPath+end, func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, token) })
	}
	s.mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { htmlPage(w, http.StatusNotFound) })
	s.controls()
}

// ServeHTTP answers the vendor's paths and the controls under /_standin.
func (s *Standin) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// request is one call to the vendor's API.
type request struct {
	endpoint
	form url.Values
	// user is the account that makes it, once the credentials are found right.
	user string
	// images is how many pictures came with it.
	images int
	now    time.Time
	// remote is the caller's address.
	remote string
	fault  Fault
	// after is what a test number does to the answer.
	after FaultKind
	call  *Call
}

func (r *request) get(name string) string { return strings.TrimSpace(r.form.Get(name)) }

// int is a number among the fields; less than least or none is least, more than most is most.
func (r *request) int(name string, least, most int) int {
	n, err := strconv.Atoi(r.get(name))
	if err != nil {
		n = least
	}
	return min(max(n, least), most)
}

func (s *Standin) serve(w http.ResponseWriter, r *http.Request, e endpoint) {
	form, images := readForm(w, r)
	var answer object
	var fault Fault
	s.locked(func(now time.Time) {
		w.Header().Set("Date", now.UTC().Format(http.TimeFormat))
		fault = s.takeFault(e.path)
		req := &request{endpoint: e, form: form, images: images, now: now, remote: r.RemoteAddr, fault: fault}
		if fault.Kind == FaultLate {
			late := cmp.Or(time.Duration(fault.After), s.options.Slow)
			s.at(now.Add(late), nil, func(_ *batch, at time.Time) {
				req.now = at
				s.carryOut(req)
			})
			return
		}
		answer, fault.Kind = s.carryOut(req)
	})
	s.reply(w, r, answer, fault)
}

// carryOut does what a call asks for, unless its fault keeps it out, and remembers it. The fault may be a test number's.
func (s *Standin) carryOut(req *request) (answer object, fault FaultKind) {
	req.call = &Call{Endpoint: req.path, At: s.ours(req.now)}
	if !req.fault.keepsOut() {
		answer = s.answer(req)
	}
	if req.fault.Kind != FaultLate { // whose answer nobody waits for
		req.fault.Kind = FaultKind(orElse(string(req.after), string(req.fault.Kind)))
	}
	req.call.Fault = req.fault.Kind
	if code, ok := codeOf(answer); ok && !req.fault.hides() {
		req.call.Code = code
	}
	s.called(*req.call)
	return answer, req.fault.Kind
}

// keepsOut tells that a fault comes before the call is carried out.
func (f Fault) keepsOut() bool {
	return f.Kind == FaultResetBefore || !f.Accepted && (f.Kind == FaultHTTP500 || f.Kind == FaultHTML200)
}

// hides tells that the caller does not get to see the answer.
func (f Fault) hides() bool {
	return slices.Contains([]FaultKind{FaultResetBefore, FaultResetAfter, FaultLate, FaultHTTP500, FaultHTML200, FaultCutOff}, f.Kind)
}

func (s *Standin) reply(w http.ResponseWriter, r *http.Request, answer object, fault Fault) {
	switch fault.Kind {
	case FaultResetBefore, FaultResetAfter, FaultLate:
		reset(w)
		return
	case FaultHTTP500:
		htmlPage(w, http.StatusInternalServerError)
		return
	case FaultHTML200:
		htmlPage(w, http.StatusOK)
		return
	default:
	}
	buffer, ok := s.bodies.Get().(*[]byte)
	if !ok {
		buffer = new([]byte)
	}
	defer s.bodies.Put(buffer)
	*buffer = appendPHP((*buffer)[:0], answer, fault.Kind == FaultTypesSwapped)
	body := *buffer
	switch fault.Kind {
	case FaultEUCKR:
		body = inEUCKR(answer)
	case FaultCutOff:
		body = body[:len(body)/2]
	default:
	}
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	switch fault.Kind {
	case FaultSlow:
		if !wait(r.Context(), s.options.Slow) {
			return
		}
	case FaultSlowBody:
		_, _ = w.Write(body[:len(body)/2])
		_ = http.NewResponseController(w).Flush()
		if !wait(r.Context(), s.options.Slow) {
			return
		}
		body = body[len(body)/2:]
	default:
	}
	_, _ = w.Write(body)
}

// wait waits until the time is over or the caller is gone; it tells whether the caller is still there.
func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

func inEUCKR(answer object) []byte {
	encoded, err := encoding.ReplaceUnsupported(korean.EUCKR.NewEncoder()).Bytes(unescaped(answer))
	if err != nil {
		return nil
	}
	return encoded
}

// bodyTime is how long the body of a request may take to arrive.
const bodyTime = 20 * time.Second

// readForm reads the fields of either kind of form and counts the pictures. Whatever else a body is, JSON above all, has
// no fields for the vendor.
func readForm(w http.ResponseWriter, r *http.Request) (url.Values, int) {
	r.Body = http.MaxBytesReader(w, r.Body, maxRequest)
	control := http.NewResponseController(w)
	// Who calls without a connection has no deadlines.
	_ = control.SetReadDeadline(time.Now().Add(bodyTime))
	arrived := func() { _ = control.SetReadDeadline(time.Time{}) }
	switch mediaType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); mediaType {
	case "multipart/form-data":
	case "application/x-www-form-urlencoded":
		// Request.ParseForm keeps a copy of all fields, of which there are 2,000 for 500 recipients.
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return url.Values{}, 0
		}
		arrived()
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return url.Values{}, 0
		}
		return form, 0
	default:
		return url.Values{}, 0
	}
	if err := r.ParseMultipartForm(maxRequest); err != nil {
		return url.Values{}, 0
	}
	arrived()
	images := 0
	for name, files := range r.MultipartForm.File {
		if strings.HasPrefix(name, "image") {
			images += len(files)
		}
	}
	values := url.Values(r.MultipartForm.Value)
	_ = r.MultipartForm.RemoveAll()
	return values, images
}

// answer carries a call out.
func (s *Standin) answer(req *request) object {
	switch req.fault.Kind {
	case FaultUnregisteredIP:
		return s.refuseIP(req)
	case FaultBadCredentials:
		return s.refuseKey(req)
	default:
	}
	if refusal := s.checkCredentials(req); refusal != nil {
		return refusal
	}
	if !s.mayCall(req) {
		return s.refuseIP(req)
	}
	switch req.fault.Kind {
	case FaultNoBalance:
		return s.refuseBalance(req)
	case FaultUnregisteredSender:
		return refuse(req, -103, -99, textSender)
	case FaultUnknownRefusal:
		return refuse(req, -999, -99, "일시적으로 처리할 수 없는 요청입니다.")
	default:
	}
	return req.do(s, req)
}

// The vendor's texts.
const (
	textAuth      = "인증오류입니다."
	textKey       = "API 인증오류입니다."
	textNoKey     = "API 키가 입력되지 않았습니다."
	textKakaoKey  = "등록되지 않은 인증키 입니다."
	textSender    = "등록/인증되지 않은 발신번호입니다."
	textIP        = "인증오류입니다.-IP"
	textKakaoIP   = "인증되지 않는 서버 IP로 부터의 호출 입니다."
	textBalance   = "보유건수가 부족합니다"
	textPoints    = "포인트가 부족합니다."
	textTooLate   = "발송 5분전까지만 취소가 가능합니다."
	textCalled    = "정상적으로 호출하였습니다."
	textSent      = "성공적으로 전송요청 하였습니다."
	textUserID    = "계정 아이디(=userid) 파라메더 정보가 전달되지 않았습니다."
	textSenderKey = "발신 프로파일 키(=senderkey)파라메더 정보가 전달되지 않았습니다."
	textAdmin     = "요청한 번호가 카카오채널 관리자 알림 설정 되어있는지 확인해주세요."
	textEditable  = "수정 가능 상태가 아닙니다."
)

// refuse is the body of a failure on either host.
func refuse(req *request, smsCode, kakaoCode int, text string) object {
	if req.kakao() {
		return object{{"code", kakaoCode}, {"message", text}}
	}
	refusal := object{{"result_code", smsCode}, {"message", text}}
	if req.path == "/remain/" {
		refusal = append(refusal, member{"SMS_CNT", 0}, member{"LMS_CNT", 0}, member{"MMS_CNT", 0})
	}
	return refusal
}

func (s *Standin) refuseIP(req *request) object {
	if req.kakao() {
		return refuse(req, 0, -99, textKakaoIP)
	}
	return refuse(req, -101, 0, textIP)
}

func (s *Standin) refuseKey(req *request) object {
	if req.kakao() {
		return refuse(req, 0, -99, textKakaoKey)
	}
	return refuse(req, -102, 0, textKey)
}

func (s *Standin) refuseBalance(req *request) object {
	if req.kakao() {
		return refuse(req, 0, -99, textPoints)
	}
	return refuse(req, -201, 0, textBalance)
}

// missing refuses a call without a field. Only the Kakao API's wording is known, and the SMS API's number is not.
func missing(req *request, name, field string) object {
	return refuse(req, -99, -99, fmt.Sprintf("%s(=%s) 파라메더 정보가 전달되지 않았습니다.", name, field))
}

// checkCredentials refuses a call whose account or key is wrong. Each host has names of its own for the fields; the SMS
// host takes userid as well.
func (s *Standin) checkCredentials(req *request) object {
	key, user := req.get("key"), req.get("user_id")
	if user == "" {
		user = req.get("userid")
	}
	right, known := map[string]string{UserID: APIKey, OtherUserID: OtherAPIKey}[user]
	req.user = user
	if req.kakao() {
		key = req.get("apikey")
		switch {
		case user == "":
			return refuse(req, 0, -99, textUserID)
		case key == "":
			return refuse(req, 0, -99, textKakaoKey)
		case !known && req.path == "/akv10/history/detail/":
			return refuse(req, 0, -101, textAuth)
		case !known:
			return refuse(req, 0, -99, textAuth)
		case key != right:
			return refuse(req, 0, -99, textKakaoKey)
		}
		return nil
	}
	switch {
	case key == "":
		return refuse(req, -101, 0, textNoKey)
	case !known:
		return refuse(req, -101, 0, textAuth)
	case key != right:
		return refuse(req, -102, 0, textKey)
	}
	return nil
}

// mayCall tells whether the caller's address is registered.
func (s *Standin) mayCall(req *request) bool {
	if len(s.registered) == 0 {
		return true
	}
	if s.options.TestModeSkipsIPCheck && req.kakao() && req.get("testMode") == "Y" {
		return true
	}
	host, _, err := net.SplitHostPort(req.remote)
	if err != nil {
		host = req.remote
	}
	return slices.Contains(s.registered, host)
}

// codeOf is the code that an answer begins with.
func codeOf(answer object) (string, bool) {
	if len(answer) == 0 {
		return "", false
	}
	return fmt.Sprint(answer[0].value), true
}

func (s *Standin) token(*request) object {
	token := strings.Repeat("0123456789abcdef", 8)
	return object{{"code", 0}, {"message", textCalled}, {"token", token}, {"urlencode", url.QueryEscape(token)}}
}
